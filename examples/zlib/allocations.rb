# frozen_string_literal: true

require_relative "libz"

# The memory that zlib asks for, stream by stream. zlib lets a program allocate for
# it, and so tells what it has, and what it gives back.
module Allocations
  @blocks = Hash.new(0) # by the address of the stream

  class << self
    # To be called before the stream is initialized.
    def watch(stream)
      stream[:zalloc] = ALLOCATE
      stream[:zfree] = FREE
      stream[:opaque] = stream.to_ptr
    end

    # How many blocks this stream has not given back.
    def of(memory) = @blocks[memory.address]

    def count(stream, change)
      @blocks[stream.address] += change
    end
  end

  ALLOCATE = FFI::Function.new(:pointer, %i[pointer uint uint]) do |stream, items, size|
    count(stream, 1)
    LibC.malloc(items * size)
  end

  FREE = FFI::Function.new(:void, %i[pointer pointer]) do |stream, block|
    count(stream, -1)
    LibC.free(block)
  end
end
