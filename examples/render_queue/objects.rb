# frozen_string_literal: true

require_relative "frame"
require_relative "../vulkan/objects"

# Has the ledger say on which thread.
module OnWhichThread
  def made(pointer)
    good "made by #{Thread.current.name}"
    super
  end

  def released(pointer)
    good "released on #{Thread.current.name}"
    super
  end
end
Ledger.singleton_class.prepend(OnWhichThread)

# Not `release_with`: that calls functions of one pointer, and those of Vulkan
# that destroy take the device and an allocator besides.
class Image < VulkanObject
  SIDE = 16

  def initialize(device)
    super(Ledger.made(Vulkan.create_image(device, SIDE)), Destroy.new(:vkDestroyImage, FFI::Pointer.new(device)),
          parent: device)
  end
end
