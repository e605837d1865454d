# frozen_string_literal: true

require "open3"
require "rbconfig"

# The program of an example.
module ExampleProgram
  ROOT = File.expand_path("../..", __dir__)

  # Runs it to its end. Returns what it has printed, and how it went.
  def self.run(name, *arguments)
    program = File.join(ROOT, "examples", name, "run.rb")
    Open3.capture2e(RbConfig.ruby, "-I", File.join(ROOT, "lib"), program, *arguments)
  end
end

# For programs that take Vulkan's handles for pointers.
RSpec.shared_context "with handles that are pointers" do
  before(:context) do
    skip "Vulkan's handles have 64 bits, so most of them are no pointers here" if FFI::Pointer.size < 8
  end
end

# Runs the program once, into @output and @status.
RSpec.shared_context "with the program of an example" do |name|
  before(:context) { @output, @status = ExampleProgram.run(name) }

  it "ends well" do
    expect(@status).to be_success, @output
  end
end
