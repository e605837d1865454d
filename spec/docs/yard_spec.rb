# frozen_string_literal: true

require "json"
require "open3"
require "rbconfig"
require "tmpdir"
require_relative "parameters"
require_relative "../../rakelib/stubs"

RSpec.describe "The documentation of the methods" do
  root = File.expand_path("../..", __dir__)

  define_method(:ruby) do |*arguments|
    output, errors, status = Open3.capture3(RbConfig.ruby, "-I", "lib", *arguments, chdir: root)
    status.success? or raise output + errors
    output
  end

  before(:all) do
    @library = JSON.parse(ruby("spec/docs/public_api.rb"))
    @yard = JSON.parse(ruby("spec/docs/yard_api.rb"))
  end

  it "leaves none out, says yard" do
    expect(@yard["output"]).to include("100.00% documented")
    expect(@yard["output"]).not_to match(/^\[(?:warn|error)\]/)
  end

  it "has every public method of the library, with the parameters that it takes" do
    @library["methods"].each do |path, parameters|
      expect(@yard["parameters"]).to include(path)

      library, yard = [parameters, @yard["parameters"][path]].map { |list| Parameters.new(list) }
      expect(yard).to eq(library), "#{path}: #{yard.inspect} instead of #{library.inspect}" unless library.unknown?
    end
  end

  it "shows nothing that the library does not have" do
    shown = @yard["shown"].grep_v(/VERSION\z/)
    expect(shown).to include "SafePointer::Releaser#free"
    expect(shown - @library["modules"] - @library["methods"].keys).to be_empty
  end

  it "is for Rust what the comments there say: `rake doc:stubs` has been run" do
    stubs = File.read(File.join(root, "lib/safe_pointer/documentation.rb"))
    expect(stubs).to eq Stubs.new(File.join(root, "ext/safe_pointer/src")).to_s
  end

  it "does nothing where it is loaded" do
    expect(ruby("-r", "safe_pointer", "-e", <<~RUBY)).to eq "[]\n"
      load "safe_pointer/documentation.rb"
      p SafePointer.instance_method(:free).source_location.to_a
    RUBY
  end

  it "is found by ri, methods in Rust too" do
    Dir.mktmpdir do |directory|
      store = File.join(directory, "ri")
      ruby("-S", "rdoc", "--quiet", "--ri", "--output", store, "lib")
      shown = ruby("-S", "ri", "--no-pager", "--no-standard-docs", "--format=rdoc", "--doc-dir", store,
                   "SafePointer#free", "SafePointer.open")
      expect(shown).to include "Releases the pointer now and makes it NULL.", "frees it when the block ends"
    end
  end
end
