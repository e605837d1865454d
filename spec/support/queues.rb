# frozen_string_literal: true

require_relative "reach"

# Release queues with something in them, for scenarios in a child.
module Queues
  # Has a pointer made of a raw one for each of the names and dropped. Nothing but `make` keeps what it makes alive.
  def drop(make, events, *names)
    out_of_reach { names.each { |name| make.call(events.raw(name)) } }
    full_gc
  end

  # A queue with one job for each of the callables, which do not look at what they are called with.
  def queue_of(*releases)
    SafePointer::ReleaseQueue.new.tap do |queue|
      releases.each { |release| SafePointer::Releaser.new(FFI::Pointer.new(64), release, release_queue: queue).call(0) }
    end
  end
end
