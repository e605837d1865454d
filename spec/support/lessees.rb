# frozen_string_literal: true

# Others that have a lease. No example waits for time to pass: threads meet at queues.
module Lessees
  # A thread that has a lease of the pointer until it is told to go on. It logs `name` as it ends the lease.
  def lessee(pointer, events = nil, name = nil)
    entered = Queue.new
    go_on = Queue.new
    thread = Thread.new do
      pointer.use do
        entered << true
        go_on.pop
        events << name if events
      end
    end
    entered.pop
    [thread, go_on]
  end

  def go_on((thread, queue))
    queue << true
    thread.join
  end

  # A fiber that has a lease of the pointer until it is resumed.
  def leasing_fiber(pointer)
    Fiber.new { pointer.use { Fiber.yield } }.tap(&:resume)
  end

  # One that never is.
  alias abandon leasing_fiber

  # Whether a lease is granted here.
  def granted?(pointer)
    pointer.use { true }
  rescue SafePointer::ReleasedError
    false
  end
end
