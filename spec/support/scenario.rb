# frozen_string_literal: true

require_relative "child"
require_relative "gc_level"

# Examples that need an end of the process, or survive one that goes wrong, run
# their scenario in a child.
module Scenario
  # The event log of a block run in a fork, to its very end: what is released at
  # exit is in it. Fails unless the child ended normally and silently.
  def in_child(&scenario)
    child = fork_child(&scenario)
    RSpec::Expectations.fail_with("the child did not end quietly: #{child.inspect}") unless child.quiet?
    child.events
  end

  # The same, for examples about what is printed or how the process ends.
  def fork_child
    Child.fork do |events|
      GCLevel.enter
      yield events
      GCLevel.step
    end
  end

  # The names of the methods in Ruby that this thread calls in the block. Those of other threads, the library's own
  # among them, are none of its doing.
  def ruby_calls
    thread = Thread.current
    called = []
    TracePoint.new(:call) { |trace| called << trace.method_id if Thread.current == thread }.enable { yield }
    called
  end

  # Runs source in a fresh interpreter.
  def run_ruby(source)
    Child.ruby(source)
  end

  # Runs the block in a fork of a scenario's process, to its end, and waits for it. What
  # is released there is signed with `name`.
  def in_fork_of(events, name = :fork)
    pid = fork do
      events.sign(name)
      yield
    end
    _, status = Process.wait2(pid)
    status.success? or raise "#{name} did not end well: #{status}"
  end

  # Waits for a condition another thread will make true.
  def wait_until
    Thread.pass until yield
  end
end
