# frozen_string_literal: true

require_relative "comparison"

# Secrets in the secure heap of the real OpenSSL: each release looks whether there was
# a key before and whether there is none afterwards.
RSpec.describe "examples/key" do
  include_examples(
    "a comparison", "key",
    with_safe_pointer: "has every key wiped once, before the secure heap goes",
    # The secure heap is one of them.
    releases: {
      "freed by hand, in all 6 orders" => 6 * (1 + 2),
      "freed by hand, then garbage" => 1 + 4 + 4,
      "forgotten upon an error, then exit" => 1 + 4,
      "left to GC" => 1 + 20,
      "left to exit" => 1 + 20
    },
    with_auto_pointer: "shows what FFI::AutoPointer does",
    faults: {
      "freed by hand, in all 6 orders" => /\Asecure heap kept: 128 bytes in use/,
      "freed by hand, then garbage" => /4 keys wiped while in use/,
      "forgotten upon an error, then exit" => /released twice/
    }
  )
end
