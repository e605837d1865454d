# frozen_string_literal: true

# Allocates blocks of 1 MB, writes to each, and forgets it: nothing is freed by
# hand. The arguments say how many blocks, whether their size is told ("told" or
# "untold"), and how many Ruby objects the program has besides. Prints what came
# of it as "name: number".
#
#   ruby -I lib examples/native_size/blocks.rb 10000 told 0

require "safe_pointer"
require_relative "../ffi_1126/libc"

LibC.attach_function :memset, %i[pointer int size_t], :pointer

class Block < SafePointer
  SIZE = 1 << 20
  # Where the collector stays away, the program ends before the machine suffers.
  MOST = 1_536

  @live = @most = 0

  class << self
    attr_reader :most

    def allocate_touched(**options)
      return if @live == MOST

      raw = LibC.malloc(SIZE)
      LibC.memset(raw, 1, SIZE)
      @live += 1
      @most = @live if @live > @most
      new(raw, **options)
    end

    def release(raw)
      @live -= 1
      LibC.free(raw)
    end
  end
end

count = Integer(ARGV.fetch(0))
options = ARGV.fetch(1) == "told" ? { size: Block::SIZE } : {}
others = Array.new(Integer(ARGV.fetch(2))) { Object.new }

collections = GC.count
made = (1..count).find { |_| Block.allocate_touched(**options).nil? }&.pred || count
collections = GC.count - collections
peak = Integer(File.read("/proc/self/status")[/^VmHWM:\s*(\d+) kB/, 1]) / 1024

puts "made: #{made}", "most: #{Block.most}", "collections: #{collections}", "peak: #{peak}", "others: #{others.size}"
