# frozen_string_literal: true

require_relative "comparison"

# Streams as structs of the real zlib, which says itself what is a stream when one is
# ended, and gives its memory back through the example.
RSpec.describe "examples/zlib" do
  include_examples(
    "a comparison", "zlib",
    with_safe_pointer: "has every stream ended once, and no memory left",
    releases: {
      "freed by hand, twice" => 4 * 2,
      "freed by hand, then garbage" => 4 * 2,
      "freed upon an error, then exit" => 4,
      "left to GC" => 20 * 2,
      "left to exit, some unfinished" => 10 * 3
    },
    with_auto_pointer: "shows that FFI::ManagedStruct ends streams twice",
    faults: {
      "freed by hand, twice" => /released twice/,
      "freed by hand, then garbage" => /released twice/,
      "freed upon an error, then exit" => /released twice/
    }
  )
end
