# frozen_string_literal: true

require_relative "gc_level"

# Has another thread do something at a moment of one's choice: at each of those at which Ruby may run it, in turn. Threads
# switch where methods are called and where they return, so a look and what follows from it must have none in between.
module Interleavings
  EVENTS = %i[line call return c_call c_return b_call b_return].freeze
  private_constant :EVENTS

  # The numbers of the moments that are tried. Under GC stress a method call takes as long as some hundred do without.
  MOMENTS = 1.step(by: GCLevel::CURRENT == "stress" ? 101 : 1)

  module_function

  # Calls the block until its `act` has come through without the other thread, each time with a later moment. What is
  # given to the block calls `act`: `moment.during(act) { ... }`, where the block is for the other thread. Returns how
  # many moments there were.
  def each_moment
    MOMENTS.each do |number|
      moment = Moment.new(number)
      yield moment
      return number - 1 unless moment.come?
    end
  end

  # Calls `act`, and at each of the first `count` moments the block, on another thread.
  def at_first_moments(count, act, &other)
    thread = Thread.current
    trace = TracePoint.new(*EVENTS) do
      next unless Thread.current.equal?(thread)

      elsewhere(&other)
      trace.disable if (count -= 1).zero?
    end
    trace.enable
    act.call
  ensure
    trace.disable
  end

  # Calls the block on another thread. Nobody waits in the midst of an event: there the end of a wait may be missed.
  def elsewhere(&)
    other = Thread.new(&)
    Thread.pass while other.alive?
    other.join
  end

  # The moment of this number in what a thread does.
  class Moment
    def initialize(number)
      @left = number
    end

    # Whether it has come.
    def come?
      @left <= 0
    end

    # Calls `act`, and when the moment comes the block, on another thread. Returns what `act` returns.
    def during(act, &other)
      thread = Thread.current
      trace = TracePoint.new(*EVENTS) do
        next unless Thread.current.equal?(thread) && (@left -= 1).zero?

        trace.disable
        Interleavings.elsewhere(&other)
      end
      trace.enable
      act.call
    ensure
      trace.disable
      # It has been called on all threads, and words on their stacks may still refer to it, and so to what this has.
      act = other = nil # rubocop:disable Lint/UselessAssignment
    end
  end
end
