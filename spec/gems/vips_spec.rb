# frozen_string_literal: true

require_relative "gem_examples"

RSpec.describe "ruby-vips" do
  def run_program(replaced)
    GemProgram.run("vips", replaced)
  end

  # What libvips says at its end when it has nothing alive: how much there was.
  include_examples(
    "a gem that uses FFI::AutoPointer",
    kinds: [:memory], counted: :objects,
    stdout: /vips_threadset_free: peak of \d+ threads\n/, stderr: /memory: high-water mark .+\n/
  )
end
