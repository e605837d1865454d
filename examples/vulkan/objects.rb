# frozen_string_literal: true

require_relative "memory"

# A pointer that can be told who its parent is.
class VulkanObject < Stage.base
  def initialize(raw, destroy, parent: nil, **options)
    @parent = parent # FFI::AutoPointer can do no more for it than keep it alive
    super(raw, destroy, **Stage.family(parent: parent, **options))
  end
end

# These know the device and the pool by their addresses only: what a release
# refers to is kept alive until it has run, and nothing here is to be in order
# for that reason.
DestroyAlone = Struct.new(:function) do
  def call(raw)
    Ledger.released(raw)
    Vulkan.public_send(function, raw, nil)
  end
end

Destroy = Struct.new(:function, :device) do
  def call(raw)
    Ledger.released(raw)
    Vulkan.public_send(function, device, raw, nil)
  end
end

DestroyPool = Struct.new(:device) do
  def call(raw)
    Ledger.released(raw)
    Vulkan.vkDestroyCommandPool(device, raw.address, nil)
  end
end

# Not in the ledger: the pool's release, too, is one of its command buffers.
FreeCommandBuffer = Struct.new(:device, :pool) do
  def call(raw)
    Vulkan.free_command_buffer(device, pool, raw)
  end
end

class Instance < VulkanObject
  def initialize(raw = Vulkan.create_instance)
    super(Ledger.made(raw), DestroyAlone.new(:vkDestroyInstance))
  end
end

class Device < VulkanObject
  def initialize(instance, parent: instance)
    super(Ledger.made(Vulkan.create_device(instance)), DestroyAlone.new(:vkDestroyDevice), parent: parent)
  end
end

class CommandPool < VulkanObject
  def initialize(device)
    raw = Ledger.made(FFI::Pointer.new(Vulkan.create_pool(device)))
    super(raw, DestroyPool.new(FFI::Pointer.new(device)), parent: device)
  end
end

# The pool's release destroys its command buffers too.
class CommandBuffer < VulkanObject
  def self.allocate_from(pool, device, count)
    free = FreeCommandBuffer.new(FFI::Pointer.new(device), pool.address)
    Vulkan.allocate_command_buffers(device, pool.address, count).map do |raw|
      new(raw, free, parent: pool, freed_by_parent: true)
    end
  end
end

class Buffer < VulkanObject
  SIZE = 1024

  def initialize(device, size: SIZE, usage: Vulkan::TRANSFER_TARGET)
    raw = Ledger.made(Vulkan.create_buffer(device, size, usage))
    super(raw, Destroy.new(:vkDestroyBuffer, FFI::Pointer.new(device)), parent: device)
  end
end

# Takes buffers in. They were children of the device, and are the memory's then.
class Memory < VulkanObject
  def initialize(device, buffers)
    raw, stride = Vulkan.allocate_memory(device, buffers.first, buffers.size)
    super(Ledger.made(raw), Destroy.new(:vkFreeMemory, FFI::Pointer.new(device)), parent: device)
    buffers.each_with_index do |buffer, index|
      Vulkan.bind(device, buffer, self, index * stride)
    end
    Stage.adopt(self, *buffers)
  end
end

class Fence < VulkanObject
  def initialize(device)
    super(Ledger.made(Vulkan.create_fence(device)), Destroy.new(:vkDestroyFence, FFI::Pointer.new(device)),
          parent: device)
  end
end
