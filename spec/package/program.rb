# frozen_string_literal: true

# A user's program. What it prints is in program.txt.
require "safe_pointer"

module LibC
  extend FFI::Library
  ffi_lib FFI::Library::LIBC
  attach_function :malloc, [:size_t], :pointer
  attach_function :free, [:pointer], :void
end

class Block < SafePointer
  def self.release(memory)
    puts "released"
    LibC.free(memory)
  end

  def self.allocate_bytes(size) = new(LibC.malloc(size))

  def free
    puts "freed by its own free"
    LibC.free(self)
  end
end

class NativeBlock < SafePointer
  release_with LibC, :free
end

$stdout.sync = true
block = Block.allocate_bytes(64)
2.times { block.free }

puts "GC:"
Thread.new { Block.allocate_bytes(64).then { nil } }.join
2.times { GC.start }

native = NativeBlock.new(LibC.malloc(64))
2.times { native.free }
puts "freed by C: #{native.freed?}"

KEPT = Block.allocate_bytes(64)
puts "exit:"
