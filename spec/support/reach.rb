# frozen_string_literal: true

require_relative "gc_level"

# Garbage collection that can be relied on. CRuby scans machine stacks
# conservatively, so an object is only surely dead if no living stack ever
# held it.
module Reach
  module_function

  # Runs the block on a stack of its own, which is gone afterwards. Keep
  # closures out of the block: they would keep its variables.
  def out_of_reach(&block)
    Thread.new do
      block.call
      nil
    end.join
    nil
  end

  # Collects everything that is out of reach and runs its finalizers; they have
  # run when this returns. Twice, for what only the first round let go of, and the
  # second time on a fiber: words that finalizers left on this stack do not count there.
  def full_gc
    forget_method_caches
    GCLevel.collect
    Fiber.new { GCLevel.collect }.resume
  end

  # CRuby 3.1 marks what its method caches refer to, singleton classes and with
  # them their objects included. It empties the caches to trace calls of C
  # functions.
  def forget_method_caches
    TracePoint.new(:c_call) { nil }.enable { nil }
  end
end
