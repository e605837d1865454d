# frozen_string_literal: true

require_relative "gem_examples"

RSpec.describe "libnotify" do
  def run_program(replaced)
    GemProgram.run("libnotify", replaced)
  end

  include_examples "a gem that uses FFI::AutoPointer", kinds: [:notification], counted: nil
end
