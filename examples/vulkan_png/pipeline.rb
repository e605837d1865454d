# frozen_string_literal: true

require_relative "descriptors"

# What of Vulkan runs a compute shader, and reads what it has written.
module Vulkan
  attach_function :vkCreateShaderModule, %i[dispatchable pointer pointer pointer], :int
  attach_function :vkCreatePipelineLayout, %i[dispatchable pointer pointer pointer], :int
  attach_function :vkCreateComputePipelines, %i[dispatchable pointer uint32 pointer pointer pointer], :int
  attach_function :vkDestroyShaderModule, %i[dispatchable pointer pointer], :void
  attach_function :vkDestroyPipelineLayout, %i[dispatchable pointer pointer], :void
  attach_function :vkDestroyPipeline, %i[dispatchable pointer pointer], :void
  attach_function :vkCmdBindPipeline, %i[dispatchable int pointer], :void
  attach_function :vkCmdBindDescriptorSets, %i[dispatchable int pointer uint32 uint32 pointer uint32 pointer], :void
  attach_function :vkCmdDispatch, %i[dispatchable uint32 uint32 uint32], :void
  attach_function :vkCmdPipelineBarrier,
                  %i[dispatchable uint32 uint32 uint32 uint32 pointer uint32 pointer uint32 pointer], :void
  attach_function :vkMapMemory, %i[dispatchable pointer uint64 uint64 uint32 pointer], :int
  attach_function :vkUnmapMemory, %i[dispatchable pointer], :void

  ShaderInfo = Info.define(16, :flags, :uint32, :size, :size_t, :code, :pointer)
  StageInfo = Info.define(18, :flags, :uint32, :stage, :uint32, :shader, :pointer, :entry, :pointer,
                          :constants, :pointer)
  PipelineInfo = Info.define(29, :flags, :uint32, :stage, StageInfo, :layout, :pointer, :base, :pointer,
                             :base_index, :int32)
  PipelineLayoutInfo = Info.define(30, :flags, :uint32, :count, :uint32, :layouts, :pointer,
                                   :range_count, :uint32, :ranges, :pointer)
  Barrier = Info.define(46, :writes, :uint32, :reads, :uint32)

  COMPUTE = 1
  COMPUTE_STAGE = 0x800
  HOST_STAGE = 0x4000
  SHADER_WRITE = 0x40
  HOST_READ = 0x2000

  module_function

  def create_shader(device, code)
    bytes = FFI::MemoryPointer.new(:char, code.bytesize).put_bytes(0, code)
    info = ShaderInfo.new(size: code.bytesize, code: bytes)
    create(:pointer) { |slot| vkCreateShaderModule(device, info, nil, slot) }
  end

  def create_pipeline_layout(device, set_layout)
    info = PipelineLayoutInfo.new(count: 1, layouts: slot_of(set_layout))
    create(:pointer) { |slot| vkCreatePipelineLayout(device, info, nil, slot) }
  end

  def create_pipeline(device, layout, shader)
    entry = FFI::MemoryPointer.from_string("main")
    stage = StageInfo.new(stage: COMPUTE_SHADER, shader: shader, entry: entry)
    info = PipelineInfo.new(stage: stage, layout: layout)
    create(:pointer) { |slot| vkCreateComputePipelines(device, nil, 1, info, nil, slot) }
  end

  # What the shader has written is there for the program once the fence is told.
  def dispatch(command_buffer, pipeline, layout, set, groups)
    vkCmdBindPipeline(command_buffer, COMPUTE, pipeline)
    vkCmdBindDescriptorSets(command_buffer, COMPUTE, layout, 0, 1, slot_of(set), 0, nil)
    vkCmdDispatch(command_buffer, *groups, 1)
    barrier = Barrier.new(writes: SHADER_WRITE, reads: HOST_READ)
    vkCmdPipelineBarrier(command_buffer, COMPUTE_STAGE, HOST_STAGE, 0, 1, barrier, 0, nil, 0, nil)
  end

  # llvmpipe's memory is all of a type that the program can see.
  def read(device, memory, size)
    mapped = create(:pointer) { |slot| vkMapMemory(device, memory, 0, size, 0, slot) }
    mapped.read_bytes(size)
  ensure
    vkUnmapMemory(device, memory) if mapped
  end
end
