# frozen_string_literal: true

require_relative "../../examples/render_queue/objects"

module Soak
  # Draws, frame by frame, on a thread of its own. What a frame needed is left to GC, and released between frames.
  class RenderThread
    QUEUE = SafePointer::ReleaseQueue.new

    VulkanObject.class_eval { release_queue QUEUE }

    def initialize
      @device = Device.new(Instance.new)
      @pool = CommandPool.new(@device)
      @queue = Vulkan.queue(@device)
      @thread = Thread.new { run }
    end

    # When the frame is done: what Vulkan has made, and has no pointer object yet, would be nobody's.
    def stop
      @stopping = true
      @thread.join
    end

    private

    def run
      until @stopping
        frame
        QUEUE.drain
      end
    end

    def frame
      fence = Fence.new(@device)
      buffers = Array.new(2) { Buffer.new(@device) }
      Memory.new(@device, buffers)
      command_buffer, = CommandBuffer.allocate_from(@pool, @device, 1)
      Vulkan.fill(@queue, command_buffer, buffers, fence)
      Vulkan.wait(@device, fence)
    end
  end
end
