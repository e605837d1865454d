# frozen_string_literal: true

require_relative "comparison"

# Transfers with the real libcurl, from a server on loopback. libcurl says itself
# what is still in use when it is cleaned up.
RSpec.describe "examples/libcurl" do
  include_examples(
    "a comparison", "libcurl",
    with_safe_pointer: "has every handle cleaned up once, and libcurl refuse nothing",
    # A family has four handles, and in_use and by_name have two at a time.
    releases: {
      "share by hand, in all 24 orders" => 24 * 4,
      "multi by hand, in all 24 orders" => 24 * 4,
      "clean_up (frees_with), then garbage" => 4 * 2,
      "left to GC" => 5 * 2 * 4,
      "left to exit, some freed too early" => 10 * 2 * 4,
      "freed while another thread uses it" => 2
    },
    with_auto_pointer: "shows what FFI::AutoPointer does",
    faults: {
      "share by hand, in all 24 orders" => /\ACURLSHE_IN_USE \(16 times\)/,
      "multi by hand, in all 24 orders" => /CURLM_BAD_HANDLE|killed by/,
      "clean_up (frees_with), then garbage" => /released twice/,
      "left to exit, some freed too early" => /CURLSHE_IN_USE/,
      "freed while another thread uses it" => /cleaned up in mid-transfer|killed by/
    }
  )
end
