# frozen_string_literal: true

# The case of the issue: command buffers are given back through their pool, by
# the subclass's own `free`, by the garbage collector and at exit.

require_relative "../vulkan"

class CommandPool
  def initialize
    @instance = Vulkan.create_instance
    @device = Vulkan.create_device(@instance)
    @pool = Vulkan.create_pool(@device)
    @live = []
  end

  def allocate(count)
    buffers = Vulkan.allocate_command_buffers(@device, @pool, count)
    @live.concat(buffers.map(&:address))
    buffers
  end

  def release(buffer)
    address = buffer.address
    Ledger.released(buffer)
    Vulkan.free_command_buffer(@device, @pool, buffer)
    @live.delete(address)
    destroy if @closing && @live.empty?
  end

  # Buffers that live to the end are released at exit, after everything else
  # and in no order one could rely on. So whichever goes last takes the pool,
  # the device and the instance with it.
  def close
    @closing = true
    destroy if @live.empty?
  end

  private

  def destroy
    Vulkan.vkDestroyCommandPool(@device, @pool, nil)
    Vulkan.vkDestroyDevice(@device, nil)
    Vulkan.vkDestroyInstance(@instance, nil)
    Ledger.good "pool, device and instance destroyed"
  end
end

class CommandBuffer < Stage.base
  def self.release(pointer)
    POOL.release(pointer)
  end

  def free
    POOL.release(self)
  end
end

POOL = CommandPool.new
KEPT = []

Stage.forgetting do
  buffers = POOL.allocate(6).map { |raw| CommandBuffer.new(Ledger.made(raw)) }
  buffers.first(3).each(&:free)
  KEPT << buffers[2] << buffers[5] # one freed, one not: both see the exit
end

Stage.collect(CommandBuffer, kept: KEPT.size)
POOL.close
