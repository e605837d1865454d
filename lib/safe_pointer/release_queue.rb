# frozen_string_literal: true

class SafePointer
  # Where releases wait for the thread that may carry them out.
  #
  # What GC finds dead of a class with a `release_queue` goes there instead of being released on whatever thread is
  # running, and {#drain} releases it. An explicit `free` releases at once, on the thread that calls it. What is left at
  # the end of the process is released then.
  #
  # A queue is collected when nothing waits in it and nothing refers to it, pointers and classes that have it included.
  # One that has been that of a class with `release_with` stays, and one with a thread does until it is closed.
  #
  # @example Textures that GC finds dead are released on the thread that renders
  #   RENDER_QUEUE = SafePointer::ReleaseQueue.new
  #
  #   class Texture < SafePointer
  #     release_with GL, :delete_texture
  #     release_queue RENDER_QUEUE
  #   end
  #
  #   RENDER_QUEUE.drain(max: 100) # once for each frame
  class ReleaseQueue
    # For pointer classes.
    module Declaration
      # Has what GC finds dead of this class, and of subclasses that do not say otherwise, wait in `queue`.
      #
      # @overload release_queue(queue)
      #   @param queue [SafePointer::ReleaseQueue]
      #   @raise [TypeError] if it is something else
      # @return [SafePointer::ReleaseQueue, nil] the queue in force
      def release_queue(queue = nil)
        if queue
          queue.is_a?(ReleaseQueue) or
            raise TypeError, "#{self}.release_queue: must be a SafePointer::ReleaseQueue, not #{queue.inspect}"
          @release_queue = queue
          Guard.forget(self)
        end
        ReleaseQueue.of(self)
      end
    end

    class << self
      # The queue in force for pointers of `klass`. Called by the extension.
      #
      # @api private
      def of(klass)
        Guard::Reflection.declared(klass, :@release_queue) { |value| ReleaseQueue === value }
      end

      # @param thread [Boolean] whether a thread of the queue's own drains it. It does not keep the process alive, and
      #   is started anew in a forked process
      # @return [SafePointer::ReleaseQueue]
      def new(thread: false)
        make.tap { |queue| Worker.new(queue).start if thread }
      end
    end

    # Releases what is due, and takes no more: from here on, what would come here is released as if there was no
    # queue. Ends the queue's own thread, if it has one.
    #
    # @return [nil]
    def close
      shut
      Worker.dismiss(self)
      drain
      nil
    end

    # For metrics: how many releases wait now, and the most that ever did at once.
    #
    # @return [Hash{Symbol => Integer}] `:size` and `:high_water`
    def stats
      { size: size, high_water: high_water }
    end

    # @return [String]
    def inspect
      "#<#{self.class} size=#{size}#{" closed" if closed?}>"
    end
  end
end

require "safe_pointer/release_queue/worker"
