# frozen_string_literal: true

require_relative "objects"

# A thread that makes objects, keeps none, and now and then collects garbage: as
# any thread does, only that here it is known when.
class Loader
  def initialize(name, device, frames)
    @device = device
    @loaded = Thread::Queue.new
    @submitted = Thread::Queue.new
    @collected = Thread::Queue.new
    @thread = Thread.new { frames.times { work } }
    @thread.name = name
  end

  # Buffers for a frame.
  def buffers = @loaded.pop

  # Collects while the GPU is at work.
  def collect
    @submitted << true
    @collected.pop
  end

  def join = @thread.join

  private

  def work
    Fiber.new { @loaded << load }.resume # on a stack of its own, which ends with it
    @submitted.pop
    GC.start
    @collected << true
  end

  def load
    2.times { Image.new(@device) }
    2.times { Fence.new(@device) }
    Array.new(2) { Buffer.new(@device) }.tap { |buffers| Memory.new(@device, buffers) }
  end
end
