# frozen_string_literal: true

# Streams of zlib as structs that own themselves: SafePointer::ManagedStruct beside
# FFI::ManagedStruct, from the same source. zlib is the witness: it answers
# Z_STREAM_ERROR where a stream is ended that is none, or none any more, and it
# allocates through the program, which sees whether all comes back.
#
#   ruby -I lib examples/zlib/run.rb
#
# Exits with 0 if with SafePointer::ManagedStruct every stream was ended once, and
# zlib left no memory behind; and with 1 if not.

require_relative "../comparison"

puts "What became of zlib's streams, and of their memory:", ""
Comparison.new(
  File.join(__dir__, "scenes"),
  "by_hand" => ["freed by hand, twice", /released twice/],
  "by_hand_and_gc" => ["freed by hand, then garbage", /released twice/],
  "error" => ["freed upon an error, then exit", /released twice/],
  "gc" => ["left to GC"],
  "exit" => ["left to exit, some unfinished"]
).present
puts "FFI::ManagedStruct knows nothing of the struct's own `free`, and ends the stream again in memory that is freed.",
     "SafePointer::ManagedStruct ended each stream once, before its memory was freed."
