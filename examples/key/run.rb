# frozen_string_literal: true

# Secret keys in OpenSSL's secure heap, which are wiped when they are released. The
# memory is the witness: it is looked at before and after. So is OpenSSL: it keeps the
# secure heap as long as a key is in it, and stops a process that frees one twice.
#
#   ruby -I lib examples/key/run.rb
#
# Exits with 0 if with SafePointer every key was wiped once, and before the secure
# heap went; and with 1 if not.

require_relative "../comparison"

puts "What became of secret keys:", ""
Comparison.new(
  File.join(__dir__, "scenes"),
  "by_hand" => ["freed by hand, in all 6 orders", /\Asecure heap kept: \d+ bytes in use/],
  "reused" => ["freed by hand, then garbage", /\d keys wiped while in use/],
  "error" => ["forgotten upon an error, then exit", /released twice/],
  "gc" => ["left to GC"],
  "exit" => ["left to exit"]
).present
puts "FFI::AutoPointer wipes again what it has wiped, which may be the key of somebody else by then.",
     "SafePointer wiped every key once: by hand, upon an error, at GC and at exit."
