# frozen_string_literal: true

# What the plants have in common: memory of C that a pointer owns.
require "safe_pointer"

module LibC
  extend FFI::Library
  ffi_lib FFI::CURRENT_PROCESS # whose malloc may be that of a checker
  attach_function :malloc, [:size_t], :pointer
  attach_function :free, [:pointer], :void
end

class Block < SafePointer
  release_with LibC, :free
end
