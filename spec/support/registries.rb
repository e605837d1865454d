# frozen_string_literal: true

require_relative "reach"

# Finalization registries, for scenarios in a child.
module Registries
  # With a queue of its own, and the log of what it has called back with.
  def registry_and_queue(&callback)
    queue = SafePointer::ReleaseQueue.new
    callback ||= ->(held) { Events.current << held }
    [SafePointer::FinalizationRegistry.new(queue: queue, &callback), queue]
  end

  # Has targets registered and dropped.
  def drop(registry, *helds, token: nil)
    out_of_reach { helds.each { |held| registry.register(Object.new, held, token) } }
    full_gc
  end
end
