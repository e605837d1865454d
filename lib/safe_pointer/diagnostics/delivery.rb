# frozen_string_literal: true

class SafePointer
  module Diagnostics
    # Who is in a subscriber: a fiber, and those that it has resumed there. One that is suspended in a subscriber, as
    # schedulers do with fibers, has nothing to do with what the others of its thread do meanwhile.
    #
    # @api private
    module Delivery
      # A variable of each thread: the events that come next, by the id of the fiber that is in a subscriber.
      RUNNING = :__safe_pointer_deliveries
      # A variable of each fiber that was in one: its id.
      ID = :__safe_pointer_fiber
      # The methods in which a fiber waits for one that it has resumed.
      RESUMING = %w[resume raise kill next next_values peek peek_values].freeze
      # Fibers by their ids. Not kept alive: one that is suspended in a subscriber may never go on.
      FIBERS = ObjectSpace::WeakMap.new
      private_constant :RUNNING, :ID, :RESUMING, :FIBERS

      class << self
        # Runs the block, which delivers `events` and those that are added meanwhile.
        def of(events)
          thread = Thread.current
          id = thread[ID] ||= register(Fiber.current)
          running = thread.thread_variable_get(RUNNING) || thread.thread_variable_set(RUNNING, {})
          running[id] = events
          yield
        ensure
          running&.delete(id)
        end

        # The events that come next, or nil if what runs is no doing of a subscriber.
        def current
          thread = Thread.current
          running = thread.thread_variable_get(RUNNING)
          return if running.nil? || running.empty?

          running[thread[ID]] || running.to_a.find { |id, _| resuming?(id, running) }&.last
        end

        private

        def register(fiber)
          fiber.object_id.tap { |id| FIBERS[id] = fiber }
        end

        def resuming?(id, running)
          fiber = FIBERS[id]
          running.delete(id) unless fiber&.alive?
          RESUMING.include?(fiber&.backtrace_locations(0, 1)&.first&.base_label)
        end
      end
    end
    private_constant :Delivery
  end
end
