# frozen_string_literal: true

class SafePointer
  class ReleaseQueue
    # The thread that drains a queue.
    class Worker
      @all = {}.compare_by_identity

      class << self
        def add(queue, worker)
          @all[queue] = worker
        end

        def dismiss(queue)
          @all.delete(queue)&.stop
        end

        def wake_all
          @all.values.each(&:wake)
        end
      end

      def initialize(queue)
        @queue = queue
        @signals = Thread::Queue.new
        Worker.add(queue, self)
        queue.send(:watch)
        start
      end

      def wake
        return if @queue.empty?

        start unless @thread.alive?
        @signals << true if @signals.empty?
      end

      def stop
        @signals.close
      end

      private

      def start
        @thread = Thread.new { work }
        @thread.name = "SafePointer::ReleaseQueue"
        # Servers that look for threads a fork would lose need not mind this one.
        @thread.thread_variable_set(:fork_safe, true)
      end

      # The errors of releases have been reported. What else comes out of one, a `throw` for instance, ends neither this
      # thread nor the process.
      def work
        while @signals.pop
          begin
            @queue.drain until @queue.empty?
          rescue Exception => error # rubocop:disable Lint/RescueException
            warn "safe_pointer: a release queue's thread caught #{error.class}"
          end
        end
      end
    end
    private_constant :Worker
  end
end
