# frozen_string_literal: true

require "date"

# The steps of RELEASING.md that Bundler's tasks do not have.
module Release
  CHANGES = "CHANGELOG.md"

  module_function

  def version
    Gem::Specification.load("safe_pointer.gemspec").version.to_s
  end

  # What keeps this from being released, in sentences.
  def problems
    changes = File.read(CHANGES)
    [
      ("#{CHANGES} has no section for #{version}." unless changes.match?(/^## \[#{Regexp.escape(version)}\] - \d/)),
      ("#{CHANGES} has changes under Unreleased." if changes[/^## Unreleased\n(.*?)(?=^## |\z)/m, 1].to_s.match?(/\S/)),
      ("Cargo.lock has another version." unless File.read("Cargo.lock").include?(<<~TOML))
        name = "safe_pointer"
        version = "#{version}"
      TOML
    ].compact
  end

  def replace(file, pattern, replacement)
    text = File.read(file)
    text.sub!(pattern, replacement) or raise "#{file}: nothing in there is #{pattern.inspect}"
    File.write(file, text)
  end
end

namespace :release do
  desc "Set the version, and put it and the date over the changes: rake release:version[0.2.0]"
  task :version, [:number] do |_, arguments|
    number = arguments.to_h.fetch(:number)
    raise "#{number} is no version" unless number.match?(/\A\d+\.\d+\.\d+\z/)

    Release.replace("Cargo.toml", /^version = ".+"$/, %(version = "#{number}"))
    sh "cargo update --workspace --offline --quiet"
    Release.replace(Release::CHANGES, /^## Unreleased$/, "## Unreleased\n\n## [#{number}] - #{Date.today}")
  end

  desc "Check that version, Cargo.lock and CHANGELOG.md agree"
  task :check do
    problems = Release.problems
    raise problems.join(" ") unless problems.empty?
  end

  desc "Build the gems, and install those for x86_64 Linux where there is no compiler"
  task gems: %w[release:check build] do
    sh "bin/test-native"
  end
end

task "release:guard_clean" => "release:check" # which `rake release` begins with
