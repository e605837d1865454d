# frozen_string_literal: true

require_relative "stage"

# As much of Vulkan as a command buffer needs, on the software driver and with
# the validation layer on. The layer reports misuse on stdout.
module Vulkan
  # Only llvmpipe, so that no hardware driver has a say in what is seen, and
  # none of Mesa's own layers. Both names of the variable: the loader renamed it.
  ICD = Dir["{/usr/share,/usr/local/share,/etc}/vulkan/icd.d/lvp_icd*.json"].join(":")
  ENV.update("VK_DRIVER_FILES" => ICD, "VK_ICD_FILENAMES" => ICD, "NODEVICE_SELECT" => "1")

  LAYER = "VK_LAYER_KHRONOS_validation"
  LAYER_NOT_PRESENT = -6

  Stage.library(self, "libvulkan.so.1", "libvulkan1")
  Stage.missing("Vulkan's llvmpipe driver", "mesa-vulkan-drivers") if ICD.empty?

  typedef :pointer, :dispatchable # VkInstance, VkDevice, VkCommandBuffer
  typedef :uint64, :handle        # VkCommandPool

  attach_function :vkCreateInstance, %i[pointer pointer pointer], :int
  attach_function :vkEnumeratePhysicalDevices, %i[dispatchable pointer pointer], :int
  attach_function :vkGetPhysicalDeviceQueueFamilyProperties, %i[dispatchable pointer pointer], :void
  attach_function :vkCreateDevice, %i[dispatchable pointer pointer pointer], :int
  attach_function :vkCreateCommandPool, %i[dispatchable pointer pointer pointer], :int
  attach_function :vkAllocateCommandBuffers, %i[dispatchable pointer pointer], :int
  attach_function :vkFreeCommandBuffers, %i[dispatchable handle uint32 pointer], :void
  attach_function :vkDestroyCommandPool, %i[dispatchable handle pointer], :void
  attach_function :vkDestroyDevice, %i[dispatchable pointer], :void
  attach_function :vkDestroyInstance, %i[dispatchable pointer], :void

  # A Vk...Info struct: every one starts with a number that tells its type.
  class Info < FFI::Struct
    class << self
      attr_reader :tag

      def define(tag, *fields)
        Class.new(self) do
          @tag = tag
          layout(:type, :int, :next, :pointer, *fields)
        end
      end
    end

    def initialize(**fields)
      super()
      self[:type] = self.class.tag
      fields.each { |name, value| self[name] = value }
    end
  end

  InstanceInfo = Info.define(1, :flags, :uint32, :application, :pointer, :layer_count, :uint32, :layers, :pointer,
                             :extension_count, :uint32, :extensions, :pointer)
  QueueInfo = Info.define(2, :flags, :uint32, :family, :uint32, :count, :uint32, :priorities, :pointer)
  DeviceInfo = Info.define(3, :flags, :uint32, :queue_count, :uint32, :queues, :pointer, :layer_count, :uint32,
                           :layers, :pointer, :extension_count, :uint32, :extensions, :pointer, :features, :pointer)
  PoolInfo = Info.define(39, :flags, :uint32, :family, :uint32)
  CommandBufferInfo = Info.define(40, :pool, :uint64, :level, :int, :count, :uint32)

  QUEUE_FAMILY = 0

  module_function

  def create_instance
    name = FFI::MemoryPointer.from_string(LAYER)
    layers = FFI::MemoryPointer.new(:pointer).write_pointer(name)
    create(:pointer) { |slot| vkCreateInstance(InstanceInfo.new(layer_count: 1, layers: layers), nil, slot) }
  end

  def create_device(instance)
    one = FFI::MemoryPointer.new(:uint32).write_uint32(1)
    physical = create(:pointer) { |slot| vkEnumeratePhysicalDevices(instance, one, slot) }
    # Vulkan wants to be asked what queues there are before one is made.
    vkGetPhysicalDeviceQueueFamilyProperties(physical, one, nil)

    priority = FFI::MemoryPointer.new(:float).write_float(1.0)
    queue = QueueInfo.new(family: QUEUE_FAMILY, count: 1, priorities: priority)
    create(:pointer) { |slot| vkCreateDevice(physical, DeviceInfo.new(queue_count: 1, queues: queue), nil, slot) }
  end

  def create_pool(device)
    create(:uint64) { |slot| vkCreateCommandPool(device, PoolInfo.new(family: QUEUE_FAMILY), nil, slot) }
  end

  def allocate_command_buffers(device, pool, count)
    slots = FFI::MemoryPointer.new(:pointer, count)
    check vkAllocateCommandBuffers(device, CommandBufferInfo.new(pool: pool, count: count), slots)
    slots.read_array_of_pointer(count)
  end

  def free_command_buffer(device, pool, buffer)
    FFI::MemoryPointer.new(:pointer) do |slot|
      vkFreeCommandBuffers(device, pool, 1, slot.write_pointer(buffer))
    end
  end

  def create(type)
    slot = FFI::MemoryPointer.new(type)
    check yield(slot)
    slot.get(type, 0)
  end

  def check(result)
    return unless result.negative?

    Stage.missing(LAYER, "vulkan-validationlayers") if result == LAYER_NOT_PRESENT
    raise "Vulkan answered #{result}"
  end
end
