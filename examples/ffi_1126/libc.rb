# frozen_string_literal: true

require_relative "stage"

module LibC
  Stage.library(self, FFI::Library::LIBC, "libc6")
  attach_function :malloc, [:size_t], :pointer
  attach_function :free, [:pointer], :void
end
