# frozen_string_literal: true

require_relative "loader"

# Draws what loaders make, on the main thread. What a frame has drawn is garbage
# as soon as it is submitted, which is sooner than the GPU is done with it.
class Renderer
  FRAMES = 20

  # Yields at the end of each frame, when the GPU has nothing to do.
  def self.run(&end_of_frame)
    Thread.current.name = "render"
    device = Device.new(Instance.new)
    loaders = Array.new(3) { |index| Loader.new("loader #{index + 1}", device, FRAMES) }
    renderer = new(device, loaders)
    FRAMES.times { renderer.frame(&end_of_frame) }
    loaders.each(&:join)
    report(VulkanObject.release_queue)
  end

  def self.report(queue)
    Ledger.good "most waiting: #{queue.high_water}" if queue
    Ledger.good "left waiting: #{queue.size}" if queue
    Ledger.good "end"
  end
  private_class_method :report

  def initialize(device, loaders)
    @device = device
    @queue = Vulkan.queue(device)
    @pool = CommandPool.new(device)
    @loaders = loaders
  end

  def frame
    fence = Fence.new(@device)
    Fiber.new { submit(@loaders.flat_map(&:buffers), fence) }.resume
    @loaders.rotate!.each(&:collect)
    Vulkan.wait(@device, fence)
    yield if block_given?
  end

  private

  def submit(buffers, fence)
    command_buffer, = CommandBuffer.allocate_from(@pool, @device, 1)
    Vulkan.fill(@queue, command_buffer, buffers, fence)
  end
end
