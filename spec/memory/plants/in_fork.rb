# frozen_string_literal: true

# A forked process releases what has been released there. Its parent makes no mistake.
require_relative "../block"

block = Block.new(LibC.malloc(64))
Process.wait(fork do
  LibC.free(block)
  block.free
  exit!
end)
block.free
