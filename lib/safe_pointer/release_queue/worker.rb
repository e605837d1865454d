# frozen_string_literal: true

class SafePointer
  class ReleaseQueue
    # The thread that drains a queue.
    #
    # It runs without a mask of interrupts. What a release starts (a thread, a Timeout, a forked process) would inherit
    # that, and could never be ended. So the end of the process waits for a release that has begun before Ruby ends the
    # threads.
    #
    # @api private
    class Worker
      @all = {}.compare_by_identity
      # Those that have begun a release since the end of the process last waited for them.
      @busy = {}.compare_by_identity
      @awaited = false

      class << self
        def add(queue, worker)
          @all[queue] = worker
        end

        def dismiss(queue)
          @all.delete(queue)&.stop
        rescue Ractor::IsolationError
          # No queue of another Ractor has a thread.
          nil
        end

        # In a forked process, where there are no other threads.
        def forked
          # Another thread may have been about to call at_exit.
          @awaited = false
          @all.values.each(&:forked)
        end

        # Has the end of the process wait for the release that the thread of `worker` is about to begin. Programs run
        # whole test suites in `at_exit`, so there is a thread after that, too. Once it has something to do, it is
        # waited for again.
        def await(worker)
          @busy[worker] = true
          return if @awaited

          @awaited = true
          at_exit { await_all }
        end

        # The thread of `worker` has ended.
        def ended(worker)
          @busy.delete(worker)
        end

        private

        def await_all
          # First: who begins a release from here on has the process wait again.
          @awaited = false
          workers = @busy.keys
          workers.each { |worker| @busy.delete(worker) }
          await_each(workers)
        end

        # An interrupt ends one wait, and no more.
        def await_each(workers)
          worker, *others = workers
          worker&.await
        ensure
          await_each(others) unless others.empty?
        end
      end

      # The end of the process waits for at most `patience` seconds, if that is limited.
      def initialize(queue, patience: nil)
        @queue = queue
        @patience = patience
        @signals = Thread::Queue.new
        @starting = Thread::Mutex.new
        @thread = nil
        Worker.add(queue, self)
        begin
          queue.send(:watch, self)
        rescue NoMemoryError
          Worker.dismiss(queue)
          raise
        end
      end

      # Starts the thread unless it runs. Of all who do so at once one starts it, and nobody waits.
      def start
        return unless @starting.try_lock

        begin
          run unless @thread&.alive?
        ensure
          @starting.unlock
        end
      end

      # Called by the extension when there is something to do.
      def signal
        restart unless @thread&.alive?
        # Called by the finalizer: an exception would be made, and under GC stress that brings the next call, for ever.
        @signals << true unless @signals.closed?
      rescue ClosedQueueError
        nil
      end

      # The thread ends when the release is over that it is in.
      def stop
        @signals.close
      end

      # A release that has forked goes on, and nothing after it.
      def forked
        return unless @thread

        stop
        start_anew
      end

      # The end of the process waits for the thread. Read at once: a signal may start another one, which goes on.
      def await
        thread, signals = @thread, @signals
        signals.close
        thread&.join(@patience) unless thread == Thread.current
        start unless @queue.closed?
      end

      private

      def run
        signals = Thread::Queue.new << true
        # Nor is there a mask of those who start it.
        thread = Thread.new { Thread.handle_interrupt(Object => :immediate) { work(signals) } }
        # Nothing runs in between.
        @signals, @thread = signals, thread
        thread.name = "SafePointer::ReleaseQueue"
        # Servers that look for threads a fork would lose need not mind this one.
        thread.thread_variable_set(:fork_safe, true)
      end

      # While Ruby ends all threads, there may be no new one, which it would wait for. In the main thread that is over,
      # and it says so: what waits is released then.
      def restart
        start if Thread.current == Thread.main || !ReleaseQueue.send(:leaving?)
      rescue ThreadError
        nil
      end

      # The thread that runs may be the one that is to be followed.
      def start_anew
        @thread = nil
        restart
      end

      # The errors of releases have been reported. If something else comes out of one, `exit` for instance, or somebody
      # kills this thread, another one goes on, for as long as the process does.
      def work(signals)
        while signals.pop
          # What is left when a release has closed the queue is not drained there.
          until @queue.empty? || (signals.closed? && !@queue.closed?)
            Worker.await(self)
            @queue.drain(max: 1)
          end
        end
      rescue Exception => error # rubocop:disable Lint/RescueException
        complain(error)
      ensure
        Worker.ended(self) if @thread == Thread.current
        start_anew unless signals.closed?
      end

      # A program may turn warnings into errors.
      def complain(error)
        warn "safe_pointer: the thread of a release queue ended with #{error.class}"
      rescue StandardError
        nil
      end
    end
    private_constant :Worker
  end
end
