# frozen_string_literal: true

require "open3"
require "rbconfig"

# It runs interpreters of its own, which know nothing of GC levels.
RSpec.describe "bin/soak", if: GCLevel::CURRENT == "normal" do
  def soak(*options)
    command = [RbConfig.ruby, *$LOAD_PATH.map { |path| "-I#{path}" }, File.join(__dir__, "run.rb")]
    output, status = Open3.capture2e(*command, "--requests", "4000", *options)
    [output, status.success?]
  end

  it "finds the figures of an application flat" do
    output, fine = soak
    expect(fine).to be(true), output
    expect(output).to match(/^lasting worker, \d+ samples: .* alive; released: free \d+, gc \d+, queue \d+$/)
  end

  it "finds a leak" do
    output, fine = soak("--plant", "leak")
    expect(fine).to be(false), output
    expect(output).to match(/^lasting worker: live grew from quarter to quarter: \d+, \d+, \d+, \d+$/)
  end

  it "finds a worker that crashes" do
    output, fine = soak("--plant", "crash")
    expect(fine).to be(false), output
    expect(output).to include("A worker ended with pid").and include("SIGABRT")
  end
end
