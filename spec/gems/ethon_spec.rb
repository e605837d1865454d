# frozen_string_literal: true

require "tmpdir"
require_relative "echo_server"
require_relative "gem_examples"

RSpec.describe "ethon" do
  def run_program(replaced)
    Dir.mktmpdir do |directory|
      library = compile(directory)
      EchoServer.open { |url| GemProgram.run("ethon", replaced, url, env: {"LD_PRELOAD" => library}) }
    end
  end

  def compile(directory)
    library = File.join(directory, "curl_memory.so")
    command = ["cc", "-std=gnu11", "-Wall", "-Wextra", "-O1", "-fPIC", "-shared", "-o", library,
               File.expand_path("curl_memory.c", __dir__)]
    system(*command) or raise "#{command.join(" ")} failed"
    library
  end

  # Forms are among them before ethon 0.19 only. The library complains at the end if libcurl did not free its memory,
  # or freed some twice.
  include_examples "a gem that uses FFI::AutoPointer", kinds: %i[easy multi headers], counted: :blocks
end
