# frozen_string_literal: true

class SafePointer
  class ReleaseQueue
    # The thread that drains a queue.
    #
    # @api private
    class Worker
      @all = {}.compare_by_identity

      class << self
        def add(queue, worker)
          @all[queue] = worker
        end

        def dismiss(queue)
          @all.delete(queue)&.stop
        end

        # In a forked process, where there are no other threads. Ruby starts none any more when it calls the last
        # finalizers: what waits is released then, and who forked there goes on.
        def forked
          @all.values.each(&:start)
        rescue ThreadError
          nil
        end
      end

      def initialize(queue)
        @queue = queue
        # What the extension signals with when there is something to do.
        @signals = Thread::Queue.new
        Worker.add(queue, self)
        start
      end

      # Also called by the extension, when it finds the thread dead.
      def start
        thread = Thread.new { work }
        thread.name = "SafePointer::ReleaseQueue"
        # Servers that look for threads a fork would lose need not mind this one.
        thread.thread_variable_set(:fork_safe, true)
        @queue.send(:watch, self, @signals, thread)
        @signals << true
      end

      def stop
        @signals.close
      end

      private

      # The end of the process waits for a release that has begun. The errors of releases have been reported. If
      # something else comes out of one, a `throw` for instance, or somebody kills this thread, another one goes on,
      # for as long as the process does.
      def work
        while @signals.pop
          Thread.handle_interrupt(Object => :never) { @queue.drain(max: 1) } until @queue.empty?
        end
      rescue Exception => error # rubocop:disable Lint/RescueException
        warn "safe_pointer: the thread of a release queue ended with #{error.class}"
      ensure
        start unless @signals.closed? || ReleaseQueue.send(:leaving?)
      end
    end
    private_constant :Worker
  end
end
