# frozen_string_literal: true

# What is collected waits for the end of the frame. No more is released there than
# a frame has time for: a little less than comes in.

require_relative "../renderer"

RENDER_QUEUE = SafePointer::ReleaseQueue.new

class VulkanObject
  release_queue RENDER_QUEUE
end

Renderer.run { RENDER_QUEUE.drain(max: 20) }
