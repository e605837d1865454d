# frozen_string_literal: true

require_relative "mandelbrot"
require_relative "objects"
require_relative "shader"

# The Mandelbrot set, computed by a shader. Each object knows its parent:
#
#   instance
#   `-- device
#       |-- memory
#       |   `-- buffer, for the pixels
#       |-- shader module
#       |-- descriptor set layout
#       |   `-- pipeline layout
#       |       `-- pipeline
#       |-- descriptor pool
#       |   `-- descriptor set, freed by the pool
#       |-- command pool
#       |   `-- command buffer, freed by the pool
#       `-- fence
#
class Picture
  WIDTH = Mandelbrot::WIDTH
  HEIGHT = Mandelbrot::HEIGHT
  BYTES = WIDTH * HEIGHT * 4 # red, green, blue and alpha
  GROUP = 8 # the shader's
  STORAGE = 0x20 # what the buffer is for

  def initialize
    @device = Device.new(Instance.new)
    @buffer = Buffer.new(@device, size: BYTES, usage: STORAGE)
    @memory = Memory.new(@device, [@buffer])
    set_layout = DescriptorSetLayout.new(@device)
    @set = DescriptorSet.new(@device, DescriptorPool.new(@device), set_layout, @buffer)
    @layout = PipelineLayout.new(@device, set_layout)
    # Needed no longer than until there is a pipeline. Kept, so that it is there when what is alive is counted.
    @shader = ShaderModule.new(@device, Shader.compile(File.join(__dir__, "mandelbrot.comp")))
    @pipeline = Pipeline.new(@device, @layout, @shader)
    @command_buffer, = CommandBuffer.allocate_from(CommandPool.new(@device), @device, 1)
    @fence = Fence.new(@device)
  end

  # Pixels, row by row.
  def render
    Vulkan.submit(Vulkan.queue(@device), @command_buffer, @fence) do
      Vulkan.dispatch(@command_buffer, @pipeline, @layout, @set, [WIDTH / GROUP, HEIGHT / GROUP])
    end
    Vulkan.wait(@device, @fence)
    Vulkan.read(@device, @memory, BYTES)
  end
end
