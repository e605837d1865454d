# frozen_string_literal: true

class SafePointer
  # Where Ruby lets nobody lock a Mutex: in the handler of a signal, and in the finalizers that it calls after a
  # collection that has begun by itself.
  #
  # @api private
  module TrapContext
    # How long the interrupted code waits for what it may be in the way of, in seconds. So does the end of the process.
    PATIENCE = 0.05
    # How many may wait for the thread.
    MOST = 1_000
    private_constant :PATIENCE, :MOST

    @queue = ReleaseQueue.send(:make)
    @worker = ReleaseQueue.const_get(:Worker).new(@queue, patience: PATIENCE)

    class << self
      # Calls the block where a Mutex can be locked: here, or on a thread. Waits until that is done, but not for long:
      # what is interrupted here may have locked the very Mutex. Returns whether the block has been called or will be.
      #
      # @yieldparam elsewhere [Boolean] whether this is not where the caller is
      def leave(&)
        queue = queue_elsewhere
        unless queue
          yield false
          return true
        end

        deadline = now + PATIENCE
        pass { queue.size < MOST || now > deadline }
        return false if queue.size >= MOST

        done = false
        queue.send(:push, job do
          yield true
          done = true
        end)
        # Where others are waiting already, the thread has come to a stop.
        pass { done || queue.size > 1 || now > deadline }
        true
      end

      private

      # Nil where nothing keeps the block from being called here, or there is nowhere else: in a Ractor, and where there
      # can be no thread.
      def queue_elsewhere
        return unless here?

        @worker.start
        @queue
      rescue Ractor::IsolationError, ThreadError
        nil
      end

      def here?
        Thread::Mutex.new.synchronize { false }
      rescue ThreadError
        true
      end

      # A process that is forked leaves it to its parent.
      def job
        process = Process.pid
        Releaser.send(:job, self) { yield if Process.pid == process }
      end

      # Not `sleep`: with a fiber scheduler other fibers would run in the midst of this one.
      def pass
        Thread.pass until yield
      end

      def now
        Process.clock_gettime(Process::CLOCK_MONOTONIC)
      end
    end
  end
  private_constant :TrapContext
end
