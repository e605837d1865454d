# frozen_string_literal: true

# Vulkan's objects are freed in an order: children before parents, all of them
# before the device, and the device before the instance. Here they are freed in
# every other order as well. The validation layer is the witness: it names the
# rule that is broken by what is destroyed too early, twice or not at all.
#
#   ruby -I lib examples/vulkan/run.rb
#
# Exits with 0 if with SafePointer the layer had nothing to report and with
# FFI::AutoPointer, which knows of no order, it had; and with 1 if not.

require_relative "../comparison"

puts "What the validation layer says of Vulkan objects:", ""
Comparison.new(
  File.join(__dir__, "scenes"),
  "by_hand" => ["freed by hand, in 84 orders", /VUID-/],
  "device_by_hand" => ["device and below by hand, 720 orders", /VUID-/],
  "gc" => ["left to GC"],
  "exit" => ["left to exit", /VUID-/],
  "by_hand_and_exit" => ["parents by hand, the rest at exit", /VUID-/]
).present
puts "FFI::AutoPointer releases in whatever order the program, the collector and the exit come along with.",
     "SafePointer, with `parent:` and `freed_by_parent: true`, left the layer with nothing to say."
