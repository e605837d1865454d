# frozen_string_literal: true

require_relative "../ffi_1126/vulkan"

# What else of Vulkan a family needs: memory, buffers in it, and fences. All of
# these handles are pointers, on a machine of 64 bits.
module Vulkan
  attach_function :vkCreateBuffer, %i[dispatchable pointer pointer pointer], :int
  attach_function :vkGetBufferMemoryRequirements, %i[dispatchable pointer pointer], :void
  attach_function :vkAllocateMemory, %i[dispatchable pointer pointer pointer], :int
  attach_function :vkBindBufferMemory, %i[dispatchable pointer pointer uint64], :int
  attach_function :vkCreateFence, %i[dispatchable pointer pointer pointer], :int
  attach_function :vkDestroyBuffer, %i[dispatchable pointer pointer], :void
  attach_function :vkFreeMemory, %i[dispatchable pointer pointer], :void
  attach_function :vkDestroyFence, %i[dispatchable pointer pointer], :void

  MemoryInfo = Info.define(5, :size, :uint64, :type_index, :uint32)
  FenceInfo = Info.define(8, :flags, :uint32)
  BufferInfo = Info.define(12, :flags, :uint32, :size, :uint64, :usage, :uint32, :sharing, :int,
                           :family_count, :uint32, :families, :pointer)

  class MemoryRequirements < FFI::Struct
    layout :size, :uint64, :alignment, :uint64, :types, :uint32
  end

  TRANSFER_TARGET = 2

  module_function

  def create_buffer(device, size, usage)
    create(:pointer) { |slot| vkCreateBuffer(device, BufferInfo.new(size: size, usage: usage), nil, slot) }
  end

  # Memory with room for +count+ buffers like this one, and how far apart they go.
  def allocate_memory(device, buffer, count)
    needs = MemoryRequirements.new
    vkGetBufferMemoryRequirements(device, buffer, needs)
    stride = (needs[:size] + needs[:alignment] - 1) / needs[:alignment] * needs[:alignment]
    type_index = needs[:types].bit_length - 1
    info = MemoryInfo.new(size: stride * count, type_index: type_index)
    [create(:pointer) { |slot| vkAllocateMemory(device, info, nil, slot) }, stride]
  end

  def bind(device, buffer, memory, offset)
    check vkBindBufferMemory(device, buffer, memory, offset)
  end

  def create_fence(device)
    create(:pointer) { |slot| vkCreateFence(device, FenceInfo.new, nil, slot) }
  end
end
