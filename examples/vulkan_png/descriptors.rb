# frozen_string_literal: true

require_relative "../vulkan/commands"

# What of Vulkan tells a shader which buffer is meant: here always a single one.
module Vulkan
  attach_function :vkCreateDescriptorSetLayout, %i[dispatchable pointer pointer pointer], :int
  attach_function :vkCreateDescriptorPool, %i[dispatchable pointer pointer pointer], :int
  attach_function :vkAllocateDescriptorSets, %i[dispatchable pointer pointer], :int
  attach_function :vkUpdateDescriptorSets, %i[dispatchable uint32 pointer uint32 pointer], :void
  attach_function :vkFreeDescriptorSets, %i[dispatchable pointer uint32 pointer], :int
  attach_function :vkDestroyDescriptorSetLayout, %i[dispatchable pointer pointer], :void
  attach_function :vkDestroyDescriptorPool, %i[dispatchable pointer pointer], :void

  SetLayoutInfo = Info.define(32, :flags, :uint32, :count, :uint32, :bindings, :pointer)
  DescriptorPoolInfo = Info.define(33, :flags, :uint32, :sets, :uint32, :count, :uint32, :sizes, :pointer)
  DescriptorSetInfo = Info.define(34, :pool, :pointer, :count, :uint32, :layouts, :pointer)
  DescriptorWrite = Info.define(35, :set, :pointer, :binding, :uint32, :element, :uint32, :count, :uint32,
                                :kind, :int, :images, :pointer, :buffers, :pointer, :views, :pointer)

  class Binding < FFI::Struct
    layout :number, :uint32, :kind, :int, :count, :uint32, :stages, :uint32, :samplers, :pointer
  end

  class PoolSize < FFI::Struct
    layout :kind, :int, :count, :uint32
  end

  class BufferPart < FFI::Struct
    layout :buffer, :pointer, :offset, :uint64, :size, :uint64
  end

  STORAGE_BUFFER = 7 # a kind of descriptor
  COMPUTE_SHADER = 0x20
  FREE_SETS_ALONE = 1

  module_function

  def create_set_layout(device)
    binding = fill_in(Binding.new, kind: STORAGE_BUFFER, count: 1, stages: COMPUTE_SHADER)
    info = SetLayoutInfo.new(count: 1, bindings: binding)
    create(:pointer) { |slot| vkCreateDescriptorSetLayout(device, info, nil, slot) }
  end

  def create_descriptor_pool(device)
    size = fill_in(PoolSize.new, kind: STORAGE_BUFFER, count: 1)
    info = DescriptorPoolInfo.new(flags: FREE_SETS_ALONE, sets: 1, count: 1, sizes: size)
    create(:pointer) { |slot| vkCreateDescriptorPool(device, info, nil, slot) }
  end

  def allocate_descriptor_set(device, pool, layout)
    info = DescriptorSetInfo.new(pool: pool, count: 1, layouts: slot_of(layout))
    create(:pointer) { |slot| vkAllocateDescriptorSets(device, info, slot) }
  end

  def describe(device, set, buffer)
    part = fill_in(BufferPart.new, buffer: buffer, size: WHOLE_SIZE)
    write = DescriptorWrite.new(set: set, count: 1, kind: STORAGE_BUFFER, buffers: part)
    vkUpdateDescriptorSets(device, 1, write, 0, nil)
  end

  # An array of one.
  def slot_of(pointer) = FFI::MemoryPointer.new(:pointer).write_pointer(pointer)

  def fill_in(struct, **fields)
    fields.each { |name, value| struct[name] = value }
    struct
  end
end
