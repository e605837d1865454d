# frozen_string_literal: true

require "safe_pointer"
require_relative "needs"

module Umockdev
  LIBRARY = "libumockdev.so.0"
  NODELETE = 0x1000 # RTLD_NODELETE on Linux

  Needs.library(self, LIBRARY, "umockdev")
  attach_function :umockdev_testbed_new, [], :pointer
  attach_function :umockdev_testbed_add_from_string, %i[pointer string pointer], :bool
  attach_function :umockdev_testbed_uevent, %i[pointer string string], :void

  # A test bed has a thread, and does not wait for its end. At exit ffi would
  # unload the code from under it.
  FFI::DynamicLibrary.open(LIBRARY, FFI::DynamicLibrary::RTLD_LAZY | NODELETE)
end

module GObject
  Needs.library(self, "libgobject-2.0.so.0", "umockdev")
  attach_function :g_object_unref, [:pointer], :void
end

# A USB bus for this process, instead of that of the machine: libusb finds what
# the kernel would show of it under /sys and /dev.
class Bus
  HUB = "/devices/pci0000:00/0000:00:14.0/usb1"

  def initialize(addresses)
    ENV["LD_PRELOAD"].to_s.include?("umockdev") or abort "It runs under umockdev-wrapper."
    @testbed = Umockdev.umockdev_testbed_new
    @releaser = SafePointer::Releaser.attach(self, @testbed, GObject.method(:g_object_unref))
    addresses.each { |address| plug_in(address) }
  end

  def pull(address)
    Umockdev.umockdev_testbed_uevent(@testbed, "/sys#{path(number(address))}", "remove")
  end

  private

  def plug_in(address)
    Umockdev.umockdev_testbed_add_from_string(@testbed, record(number(address)), nil) or
      raise "umockdev does not take device #{address}"
  end

  def number(address)
    Integer(address.delete_prefix("1."))
  end

  # The hub has the first number, so the device on port 1 has the second.
  def path(number)
    number == 1 ? HUB : "#{HUB}/1-#{number - 1}"
  end

  # In the format of umockdev-record.
  def record(number)
    node = format("bus/usb/001/%03d", number)
    <<~RECORD
      P: #{path(number)}
      N: #{node}
      E: DEVNAME=/dev/#{node}
      E: DEVTYPE=usb_device
      E: SUBSYSTEM=usb
      A: busnum=1\\n
      A: devnum=#{number}\\n
      A: speed=480\\n
      A: bConfigurationValue=1\\n
      H: descriptors=#{descriptors(number).unpack1("H*").upcase}
    RECORD
  end

  # By chapter 9.6 of the USB 2.0 specification: a device with a configuration
  # with an interface with an interrupt endpoint. 1209:0001 is free for tests.
  def descriptors(number)
    kind, vendor, product = number == 1 ? [9, 0x1d6b, 2] : [0xff, 0x1209, 1]
    device = [18, 1, 0x0200, kind, 0, 0, 64, vendor, product, 0x0100, 0, 0, 0, 1].pack("CCS<C4S<3C4")
    endpoint = [7, 5, 0x81, 3, 4, 12].pack("C4S<C")
    interface = [9, 4, 0, 0, 1, kind, 0, 0, 0].pack("C9")
    total = 9 + interface.bytesize + endpoint.bytesize
    configuration = [9, 2, total, 1, 1, 0, 0xe0, 0].pack("CCS<C5")
    device + configuration + interface + endpoint
  end
end
