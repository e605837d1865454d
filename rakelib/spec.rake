# frozen_string_literal: true

require "rspec/core/rake_task"

desc "Run the specs"
RSpec::Core::RakeTask.new(spec: :compile)

# Builds and installs the gem, which takes longer than the other specs together.
desc "Run the specs except those of the package"
RSpec::Core::RakeTask.new("spec:quick" => :compile) { |task| task.rspec_opts = "--tag ~package" }
