# frozen_string_literal: true

# What ffi keeps of a pointer is freed while the extension reads in it.
require "fiddle"
require_relative "../block"

DATA_OF_OBJECT = 4 * FFI::Pointer.size

block = Block.new(LibC.malloc(64))
LibC.free(FFI::Pointer.new(Fiddle.dlwrap(block) + DATA_OF_OBJECT).read_pointer)
block.free
exit!
