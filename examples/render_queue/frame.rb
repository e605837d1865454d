# frozen_string_literal: true

require_relative "../vulkan/memory"

# What else of Vulkan a frame needs: images, and work for the GPU.
module Vulkan
  attach_function :vkCreateImage, %i[dispatchable pointer pointer pointer], :int
  attach_function :vkDestroyImage, %i[dispatchable pointer pointer], :void
  attach_function :vkGetDeviceQueue, %i[dispatchable uint32 uint32 pointer], :void
  attach_function :vkBeginCommandBuffer, %i[dispatchable pointer], :int
  attach_function :vkCmdFillBuffer, %i[dispatchable pointer uint64 uint64 uint32], :void
  attach_function :vkEndCommandBuffer, %i[dispatchable], :int
  attach_function :vkQueueSubmit, %i[dispatchable uint32 pointer pointer], :int
  attach_function :vkWaitForFences, %i[dispatchable uint32 pointer uint32 uint64], :int, blocking: true

  SubmitInfo = Info.define(4, :wait_count, :uint32, :waits, :pointer, :stages, :pointer, :count, :uint32,
                           :command_buffers, :pointer, :signal_count, :uint32, :signals, :pointer)
  ImageInfo = Info.define(14, :flags, :uint32, :image_type, :int, :format, :int, :width, :uint32, :height, :uint32,
                          :depth, :uint32, :levels, :uint32, :layers, :uint32, :samples, :int, :tiling, :int,
                          :usage, :uint32, :sharing, :int, :family_count, :uint32, :families, :pointer, :layout, :int)
  BeginInfo = Info.define(42, :flags, :uint32, :inheritance, :pointer)

  TWO_DIMENSIONS = 1
  RGBA = 37
  WHOLE_SIZE = FOREVER = (2**64) - 1

  module_function

  def create_image(device, side)
    info = ImageInfo.new(image_type: TWO_DIMENSIONS, format: RGBA, width: side, height: side, depth: 1,
                         levels: 1, layers: 1, samples: 1, usage: TRANSFER_TARGET)
    create(:pointer) { |slot| vkCreateImage(device, info, nil, slot) }
  end

  def queue(device)
    slot = FFI::MemoryPointer.new(:pointer)
    vkGetDeviceQueue(device, QUEUE_FAMILY, 0, slot)
    slot.read_pointer
  end

  # Has the GPU fill the buffers, and the fence told when it has done so.
  def fill(queue, command_buffer, buffers, fence)
    check vkBeginCommandBuffer(command_buffer, BeginInfo.new)
    buffers.each { |buffer| vkCmdFillBuffer(command_buffer, buffer, 0, WHOLE_SIZE, 1) }
    check vkEndCommandBuffer(command_buffer)
    slot = FFI::MemoryPointer.new(:pointer).write_pointer(command_buffer)
    check vkQueueSubmit(queue, 1, SubmitInfo.new(count: 1, command_buffers: slot), fence)
  end

  def wait(device, fence)
    check vkWaitForFences(device, 1, FFI::MemoryPointer.new(:pointer).write_pointer(fence), 1, FOREVER)
  end
end
