# frozen_string_literal: true

class SafePointer
  module Diagnostics
    # What {SafePointer.subscribe} returns.
    class Subscription
      BUSY = :__safe_pointer_notifying
      ERRORS = [StandardError, ScriptError, NoMemoryError, SystemStackError, SecurityError].freeze
      private_constant :BUSY, :ERRORS

      @lock = Thread::Mutex.new
      @all = [].freeze

      class << self
        # @api private
        def add(block)
          raise ArgumentError, "SafePointer.subscribe: needs a block" unless block

          new(block).tap { |subscription| change { |all| [*all, subscription] } }
        end

        # @api private
        def remove(subscription)
          change { |all| all - [subscription] }
        end

        # @api private
        def notify(event)
          thread = Thread.current
          return if thread.thread_variable_get(BUSY)

          begin
            thread.thread_variable_set(BUSY, true)
            @all.each { |subscription| subscription.deliver(event) }
          ensure
            thread.thread_variable_set(BUSY, nil)
          end
        end

        private

        def change
          @lock.synchronize do
            @all = yield(@all).freeze
            SafePointer.send(:watch, :events, @all.any?)
          end
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
        warn "safe_pointer: a subscriber raised #{SafePointer.send(:describe_error, error)}, and is told of more"
      end
    end

    class << self
      private

      # Called by the extension. Other Ractors have no access to subscribers.
      def notify(name, pointer_class, address, trigger, size)
        Subscription.notify(Event.new(name, pointer_class, address, trigger, size))
      rescue Ractor::IsolationError
        nil
      end
    end
  end
end
