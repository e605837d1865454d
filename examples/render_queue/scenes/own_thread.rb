# frozen_string_literal: true

# What is collected is released on the thread of a queue, whenever it gets to it.

require_relative "../renderer"

class VulkanObject
  release_queue SafePointer::ReleaseQueue.new(thread: true)
end

Renderer.run
