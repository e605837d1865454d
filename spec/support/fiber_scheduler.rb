# frozen_string_literal: true

# The least that Ruby takes for a scheduler of fibers: it resumes those that may go on, one after another, until all have
# ended. Nothing waits for time to pass, and files are always ready.
class FiberScheduler
  # Runs the block on a thread that has one, until all fibers of it have ended. Ruby 4.0 warns of the IO::Buffer that it
  # makes itself for what is written there.
  def self.run
    Warning[:experimental] = false
    Thread.new do
      Fiber.set_scheduler(new)
      yield
    end.join
  end

  def initialize
    @ready = Thread::Queue.new
    @running = 0
  end

  # Called for `Fiber.schedule`.
  def fiber(&block)
    @running += 1
    Fiber.new(blocking: false) do
      block.call
    ensure
      @running -= 1
    end.tap(&:resume)
  end

  def block(_blocker, _timeout = nil)
    Fiber.yield
    true
  end

  # Called on any thread.
  def unblock(_blocker, fiber)
    @ready << fiber
  end

  def kernel_sleep(_duration = nil)
    unblock(nil, Fiber.current)
    Fiber.yield
  end

  def io_wait(_io, events, _timeout)
    events
  end

  # Ruby 4.0 warns where it is missing. For fibers that wait for a file, as none does here.
  def fiber_interrupt(fiber, exception)
    fiber.raise(exception)
  end

  def close
    @ready.pop.resume while @running.positive?
  end
end
