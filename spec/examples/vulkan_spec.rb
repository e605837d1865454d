# frozen_string_literal: true

require_relative "comparison"

# Families of Vulkan objects, on the software driver. The validation layer reports
# what is destroyed before its children, twice, or not at all.
RSpec.describe "examples/vulkan" do
  include_context "with handles that are pointers"
  include_examples(
    "a comparison", "vulkan",
    with_safe_pointer: "leaves the validation layer with nothing to report",
    # A family has eight objects, apart from its command buffers.
    releases: {
      "freed by hand, in 84 orders" => 84 * 8,
      "device and below by hand, 720 orders" => 1 + 720 * 7,
      "left to GC" => 5 * 8,
      "left to exit" => 4 * 8,
      "parents by hand, the rest at exit" => 4 * 8
    },
    with_auto_pointer: "shows that without parents the layer complains",
    faults: {
      "freed by hand, in 84 orders" => /\AVUID-vk/,
      "device and below by hand, 720 orders" => /\AVUID-vk/,
      "left to exit" => /\AVUID-vk/,
      "parents by hand, the rest at exit" => /\AVUID-vk/
    }
  )
end
