# frozen_string_literal: true

require_relative "memory"

# Work for the GPU.
module Vulkan
  attach_function :vkGetDeviceQueue, %i[dispatchable uint32 uint32 pointer], :void
  attach_function :vkBeginCommandBuffer, %i[dispatchable pointer], :int
  attach_function :vkEndCommandBuffer, %i[dispatchable], :int
  attach_function :vkQueueSubmit, %i[dispatchable uint32 pointer pointer], :int
  attach_function :vkWaitForFences, %i[dispatchable uint32 pointer uint32 uint64], :int, blocking: true

  SubmitInfo = Info.define(4, :wait_count, :uint32, :waits, :pointer, :stages, :pointer, :count, :uint32,
                           :command_buffers, :pointer, :signal_count, :uint32, :signals, :pointer)
  BeginInfo = Info.define(42, :flags, :uint32, :inheritance, :pointer)

  WHOLE_SIZE = FOREVER = (2**64) - 1

  module_function

  def queue(device)
    slot = FFI::MemoryPointer.new(:pointer)
    vkGetDeviceQueue(device, QUEUE_FAMILY, 0, slot)
    slot.read_pointer
  end

  # Has the GPU do what the block records, and the fence told when it has done so.
  def submit(queue, command_buffer, fence)
    check vkBeginCommandBuffer(command_buffer, BeginInfo.new)
    yield
    check vkEndCommandBuffer(command_buffer)
    slot = FFI::MemoryPointer.new(:pointer).write_pointer(command_buffer)
    check vkQueueSubmit(queue, 1, SubmitInfo.new(count: 1, command_buffers: slot), fence)
  end

  def wait(device, fence)
    check vkWaitForFences(device, 1, FFI::MemoryPointer.new(:pointer).write_pointer(fence), 1, FOREVER)
  end
end
