# frozen_string_literal: true

class SafePointer
  module Diagnostics
    # What {SafePointer.subscribe} returns.
    class Subscription
      @all = {}.compare_by_identity

      class << self
        # @api private
        def add(block)
          raise ArgumentError, "SafePointer.subscribe: needs a block" unless block

          new(block).tap { |subscription| change { @all[subscription] = true } }
        end

        # @api private
        def remove(subscription)
          change { @all.delete(subscription) }
        end

        # @api private
        def notify(event)
          waiting = Delivery.current
          return deliver([event]) unless waiting

          # What GC has released meanwhile is no doing of the subscriber that runs.
          waiting << event if event.trigger == :gc
        end

        private

        def deliver(events)
          Delivery.of(events) do
            while (event = events.shift)
              @all.keys.each { |subscription| subscription.deliver(event) }
            end
          end
        end

        # Without a lock, which the handler of a signal could not take: who comes last, on whatever thread, sees what
        # the others have done.
        def change
          yield
          begin
            on = @all.any?
            SafePointer.send(:watch, :events, on)
          end until on == @all.any? # rubocop:disable Lint/Loop
        end
      end

      private_class_method :new

      # @api private
      def initialize(block)
        @block = block
        @failed = false
      end

      # Ends it. Again does nothing.
      #
      # @return [nil]
      def unsubscribe
        Subscription.remove(self)
        nil
      end

      # What is no error, an interrupt for instance, goes on its way when the release is over.
      #
      # @api private
      def deliver(event)
        @block.call(event)
      rescue *ERRORS => error
        return if @failed

        @failed = true
        complain(error, event.trigger)
      end

      private

      # A program may turn warnings into errors, or have closed what they are written to.
      def complain(error, trigger)
        what = SafePointer.send(:describe_error, error, trigger)
        warn "safe_pointer: a subscriber raised #{what}, and is told of more"
      rescue *ERRORS
        nil
      end
    end

    class << self
      private

      # Called by the extension. Other Ractors have no access to subscribers.
      def notify(name, pointer_class, address, trigger, size, callable, origin)
        return if origin&.silent

        owner_class = Callable.owner_class(pointer_class, callable)
        Subscription.notify(Event.new(name, owner_class, address, trigger, size))
      rescue Ractor::IsolationError
        nil
      end
    end
  end
end
