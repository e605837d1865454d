# frozen_string_literal: true

require_relative "pipeline"
require_relative "../vulkan/objects"

# What belongs to the device, unless it is told otherwise.
class DeviceObject < VulkanObject
  def initialize(device, destroy, raw, parent: device)
    super(Ledger.made(raw), Destroy.new(destroy, FFI::Pointer.new(device)), parent: parent)
  end
end

class ShaderModule < DeviceObject
  def initialize(device, code)
    super(device, :vkDestroyShaderModule, Vulkan.create_shader(device, code))
  end
end

class DescriptorSetLayout < DeviceObject
  def initialize(device)
    super(device, :vkDestroyDescriptorSetLayout, Vulkan.create_set_layout(device))
  end
end

class DescriptorPool < DeviceObject
  def initialize(device)
    super(device, :vkDestroyDescriptorPool, Vulkan.create_descriptor_pool(device))
  end
end

# Not in the ledger, like command buffers: the pool's release, too, is that of its sets.
FreeDescriptorSet = Struct.new(:device, :pool) do
  def call(raw)
    Vulkan.check Vulkan.vkFreeDescriptorSets(device, pool, 1, Vulkan.slot_of(raw))
  end
end

class DescriptorSet < VulkanObject
  def initialize(device, pool, layout, buffer)
    free = FreeDescriptorSet.new(FFI::Pointer.new(device), FFI::Pointer.new(pool))
    super(Vulkan.allocate_descriptor_set(device, pool, layout), free, parent: pool, freed_by_parent: true)
    Vulkan.describe(device, self, buffer)
  end
end

class PipelineLayout < DeviceObject
  def initialize(device, set_layout)
    super(device, :vkDestroyPipelineLayout, Vulkan.create_pipeline_layout(device, set_layout), parent: set_layout)
  end
end

class Pipeline < DeviceObject
  def initialize(device, layout, shader)
    super(device, :vkDestroyPipeline, Vulkan.create_pipeline(device, layout, shader), parent: layout)
  end
end
