# frozen_string_literal: true

require "safe_pointer"
require_relative "libusb"

# A libusb context. libusb_exit has to come after the last libusb_unref_device,
# and at exit Ruby runs finalizers in no order one could rely on. So the context
# knows who needs it, and whoever goes last, `close` or a device, takes it along.
class Context
  def initialize
    slot = FFI::MemoryPointer.new(:pointer)
    LibUSB.check LibUSB.libusb_init(slot)
    @pointer = slot.read_pointer
    # Without an owner here, for one call and no more: a finalizer that runs in
    # the middle of `leave` may get to the same end first.
    @exit = SafePointer::Releaser.new(@pointer, LibUSB.method(:libusb_exit))
    @referred = {}.compare_by_identity # two owners of one device are two
    @closed = false
  end

  # Yields each device that is plugged in, as a pointer that is good within the
  # block; longer with a reference.
  def each_device(&block)
    slot = FFI::MemoryPointer.new(:pointer)
    count = LibUSB.check(LibUSB.libusb_get_device_list(@pointer, slot))
    list = slot.read_pointer
    list.read_array_of_pointer(count).each(&block)
  ensure
    LibUSB.libusb_free_device_list(list, 1) if list
  end

  # Has libusb take note of pulled plugs, and let go of those devices.
  def update
    each_device { |_| nil } # reads what is new on the bus
    no_wait = FFI::MemoryPointer.new(:long, 2)
    LibUSB.check LibUSB.libusb_handle_events_timeout_completed(@pointer, no_wait, nil)
  end

  def ref(device)
    @referred[device] = true
    LibUSB.libusb_ref_device(device)
  end

  def unref(device)
    LibUSB.libusb_unref_device(device)
    @referred.delete(device)
    leave
  end

  def close
    @closed = true
    leave
  end

  private

  def leave
    @exit.free if @closed && @referred.empty?
  end
end
