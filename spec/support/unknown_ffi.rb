# frozen_string_literal: true

# Required before all else: ffi is such that the extension, which takes a look at it when it is loaded, finds no room in
# its pointers, and with UNKNOWN_FFI=data does not find out what their data is either.
require "ffi"

looked_at = ENV.fetch("UNKNOWN_FFI") == "data" ? FFI::Pointer : FFI::MemoryPointer
looks = true
looked_at.prepend(Module.new do
  define_method(:initialize) { |*arguments| looks ? raise("what ffi does is not known") : super(*arguments) }
end)
require "safe_pointer"
looks = false
