# frozen_string_literal: true

# Opens every device of a simulated bus, and lets go of it as FATES has it. What
# came of that is in the log that libusb writes to stderr, and the marks in it.
# The argument is the class of the owners:
#
#   LIBUSB_DEBUG=4 umockdev-wrapper ruby -I lib examples/libusb/devices.rb Device

require_relative "bus"
require_relative "context"
require_relative "device"
require_relative "fates"

OWNER = { "Device" => Device, "DeviceByHand" => DeviceByHand }.fetch(ARGV.fetch(0, "Device"))
BUS = Bus.new(FATES.map(&:address))
CONTEXT = Context.new
KEPT = []

def mark(moment)
  $stderr.syswrite("== #{moment}\n")
end

def open_devices
  owners = {}
  CONTEXT.each_device { |device| owners[LibUSB.address(device)] = OWNER.new(device) }
  owners.keys.sort == FATES.map(&:address) or raise "libusb found #{owners.keys}"
  owners
end

def pull_plugs
  FATES.select(&:pulled).each { |fate| BUS.pull(fate.address) }
  CONTEXT.update
end

def close_and_keep(owners)
  FATES.each do |fate|
    owner = owners.fetch(fate.address)
    fate.closes.times { owner.close }
    KEPT << owner if fate.kept
  end
end

# A thread has a machine stack of its own: when it has ended, no stale word there
# can look like a reference to an owner.
def forgetting
  Thread.new { yield }.join
end

forgetting do
  owners = open_devices
  pull_plugs
  mark "at close"
  close_and_keep(owners)
  mark "at GC" # while all owners are still alive
end

10.times { Fiber.new { GC.start }.resume unless ObjectSpace.each_object(OWNER).count == KEPT.size }
mark "at exit"
CONTEXT.close
