# frozen_string_literal: true

require "safe_pointer"

# Owners of a device, in the pattern of ffi/ffi#1126: they take a reference, and
# give it back in a finalizer or in `close`. In one line with a Releaser:
class Device
  def initialize(pointer)
    CONTEXT.ref(pointer)
    @releaser = SafePointer::Releaser.attach(self, pointer, CONTEXT.method(:unref))
  end

  def close = @releaser.free
end

# And by hand. The finalizer must not refer to the owner, so it is a method of
# the pointer. What is wrong is `close`: the finalizer will do the same again.
class DeviceByHand
  def initialize(pointer)
    def pointer.unref_device(_id = nil)
      CONTEXT.unref(self)
    end

    CONTEXT.ref(pointer)
    ObjectSpace.define_finalizer(self, pointer.method(:unref_device))
    @pointer = pointer
  end

  def close = @pointer.unref_device
end
