# frozen_string_literal: true

require_relative "../vulkan/commands"

# What else of Vulkan a frame needs: images, and buffers to fill.
module Vulkan
  attach_function :vkCreateImage, %i[dispatchable pointer pointer pointer], :int
  attach_function :vkDestroyImage, %i[dispatchable pointer pointer], :void
  attach_function :vkCmdFillBuffer, %i[dispatchable pointer uint64 uint64 uint32], :void

  ImageInfo = Info.define(14, :flags, :uint32, :image_type, :int, :format, :int, :width, :uint32, :height, :uint32,
                          :depth, :uint32, :levels, :uint32, :layers, :uint32, :samples, :int, :tiling, :int,
                          :usage, :uint32, :sharing, :int, :family_count, :uint32, :families, :pointer, :layout, :int)

  TWO_DIMENSIONS = 1
  RGBA = 37

  module_function

  def create_image(device, side)
    info = ImageInfo.new(image_type: TWO_DIMENSIONS, format: RGBA, width: side, height: side, depth: 1,
                         levels: 1, layers: 1, samples: 1, usage: TRANSFER_TARGET)
    create(:pointer) { |slot| vkCreateImage(device, info, nil, slot) }
  end

  # Has the GPU fill the buffers, and the fence told when it has done so.
  def fill(queue, command_buffer, buffers, fence)
    submit(queue, command_buffer, fence) do
      buffers.each { |buffer| vkCmdFillBuffer(command_buffer, buffer, 0, WHOLE_SIZE, 1) }
    end
  end
end
