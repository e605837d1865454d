# frozen_string_literal: true

require_relative "needs"

module LibUSB
  Needs.library(self, "libusb-1.0.so.0", "libusb-1.0-0")
  attach_function :libusb_init, [:pointer], :int
  attach_function :libusb_exit, [:pointer], :void
  attach_function :libusb_get_device_list, %i[pointer pointer], :ssize_t
  attach_function :libusb_free_device_list, %i[pointer int], :void
  attach_function :libusb_ref_device, [:pointer], :pointer
  attach_function :libusb_unref_device, [:pointer], :void
  attach_function :libusb_get_bus_number, [:pointer], :uint8
  attach_function :libusb_get_device_address, [:pointer], :uint8
  attach_function :libusb_handle_events_timeout_completed, %i[pointer pointer pointer], :int

  def self.check(result)
    raise "libusb answered #{result}" if result.negative?

    result
  end

  def self.address(device)
    "#{libusb_get_bus_number(device)}.#{libusb_get_device_address(device)}"
  end
end
