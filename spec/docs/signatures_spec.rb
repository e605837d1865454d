# frozen_string_literal: true

require "json"
require "open3"
require "rbconfig"
require_relative "parameters"

RSpec.describe "The signatures in sig/" do
  root = File.expand_path("../..", __dir__)

  define_method(:ruby) do |*arguments|
    output, errors, status = Open3.capture3(RbConfig.ruby, "-I", "lib", *arguments, chdir: root)
    status.success? or raise output + errors
    output
  end

  before(:all) do
    @library, @yard, @signatures =
      %w[public_api yard_api rbs_api].map { |name| JSON.parse(ruby("spec/docs/#{name}.rb")) }
  end

  # Whether a method that takes `parameters` can be called as `form` says.
  def fit?(form, parameters)
    count = form.required.size + form.optional.size
    form.required.size >= parameters.required.size &&
      (parameters.rest? || count <= parameters.required.size + parameters.optional.size) &&
      (!form.rest? || parameters.rest?) &&
      (parameters.keyrest? || (form.keywords - parameters.keywords).empty?) &&
      (parameters.required_keywords - form.required_keywords).empty?
  end

  it "are valid, says rbs" do
    ruby("-r", "rbs", "-r", "rbs/cli", "-e", "RBS::CLI.new(stdout: $stdout, stderr: $stderr).run(ARGV)", "--",
         "-I", "spec/docs/ffi", "-I", "sig", "validate", "--silent")
  end

  it "are there for every public method" do
    public_methods = @yard["shown"] & @library["methods"].keys
    expect(public_methods).to include "SafePointer#free"
    expect(public_methods - @signatures.keys).to be_empty
  end

  it "are those of methods that there are, and can be called so" do
    # Ruby has `new` where RBS has `initialize`.
    signatures = @signatures.reject { |path, _| path.end_with?(".new") && !@library["methods"].key?(path) }
    expect(signatures.keys - @library["methods"].keys).to be_empty

    signatures.each do |path, forms|
      parameters = Parameters.new(@library["methods"][path])
      # What Ruby does not know of a C function, its documentation does.
      parameters = Parameters.new(@yard["parameters"][path]) if parameters.unknown?
      forms.each do |form|
        expect(fit?(Parameters.new(form), parameters)).to be(true), "#{path}: #{form} for #{parameters.inspect}"
      end
    end
  end

  # With RBS::Test, in a process of its own. The collector has nothing to do with it.
  it "hold for every call in specs that call every method", if: GCLevel::CURRENT == "normal" do
    files = %w[
      construction conversion detach equality family family_errors family_freed_by_parent family_order family_refusals
      finalization_registry fork_policy managed_struct null release_queue releaser size stats subscribe
    ].map { |name| "spec/unit/#{name}_spec.rb" }
    output = ruby("-S", "rspec", "--options", ".rspec", "--require", "./spec/docs/enforce", "--format", "progress",
                  *files, "spec/docs/rare_calls_spec.rb", "spec/docs/watching_calls_spec.rb")
    expect(output).to match(/^\d{3} examples, 0 failures$/)
    expect(output.lines.grep(/^no call was checked/)).to be_empty
  end
end
