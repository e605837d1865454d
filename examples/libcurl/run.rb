# frozen_string_literal: true

# Transfers with libcurl, from a web server on loopback. What a transfer refers to
# (headers, a share, a multi handle) must outlive it, and no handle may be cleaned up
# in the middle of a transfer. libcurl is the witness: curl_share_cleanup refuses with
# CURLSHE_IN_USE while a transfer has the share, and a transfer cannot leave a multi
# handle that has been cleaned up: CURLM_BAD_HANDLE.
#
#   ruby -I lib examples/libcurl/run.rb
#
# Exits with 0 if with SafePointer every handle was released once and libcurl refused
# nothing, and with 1 if not.

require_relative "../comparison"

puts "What became of libcurl's handles:", ""
Comparison.new(
  File.join(__dir__, "scenes"),
  "share_by_hand" => ["share by hand, in all 24 orders", /CURLSHE_IN_USE/],
  "multi_by_hand" => ["multi by hand, in all 24 orders", /CURLM_BAD_HANDLE|killed by/],
  "by_name" => ["clean_up (frees_with), then garbage", /released twice/],
  "gc" => ["left to GC"],
  "exit" => ["left to exit, some freed too early", /CURLSHE_IN_USE/],
  "in_use" => ["freed while another thread uses it", /cleaned up in mid-transfer|killed by/]
).present
puts "FFI::AutoPointer cleans up in whatever order, and in the middle of a transfer.",
     "SafePointer cleaned up each handle once: when its transfer had ended, and before what it refers to."
