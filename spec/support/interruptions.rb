# frozen_string_literal: true

require_relative "reach"

# What Ruby runs in the midst of other code, on the same fiber. Each method returns when the block has run there.
module Interruptions
  include Reach

  # A block that is called once.
  Once = Struct.new(:block) do
    def call(*)
      block&.tap { self.block = nil }&.call
    end

    def due? = !block.nil?
  end

  def in_a_trap_handler
    done = false
    Signal.trap(:USR1) do
      yield
      done = true
    end
    Process.kill(:USR1, Process.pid)
    Thread.pass until done
    Signal.trap(:USR1, "DEFAULT")
  end

  # Ruby calls it between two instructions.
  def in_a_finalizer(&block)
    once = Once.new(block)
    make_garbage(once)
    Array.new(100) { "garbage" } while once.due?
  end

  # The same, in a release of another pointer.
  def in_a_release_at_gc(&block)
    once = Once.new(block)
    out_of_reach { 8.times { SafePointer.new(FFI::Pointer.new(8), once) } }
    Array.new(100) { "garbage" } while once.due?
  end

  private

  def make_garbage(once)
    finalizer = proc { once.call }
    out_of_reach { 8.times { ObjectSpace.define_finalizer(Object.new, finalizer) } }
  end
end
