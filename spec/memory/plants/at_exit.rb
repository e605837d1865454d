# frozen_string_literal: true

# Its memory is released behind the back of a pointer, which then releases it at exit.
require_relative "../block"

KEPT = Block.new(LibC.malloc(64))
LibC.free(KEPT)
