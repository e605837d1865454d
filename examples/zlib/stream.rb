# frozen_string_literal: true

require_relative "allocations"

# A z_stream. The struct is memory of ours, and refers to memory of zlib's: the
# stream has to be ended before its struct is freed, and neither twice.
class Stream < (Stage.base == FFI::AutoPointer ? FFI::ManagedStruct : SafePointer::ManagedStruct)
  CHUNK = 4096

  # A struct has its layout for itself, and its subclasses do not inherit it.
  def self.inherited(subclass)
    super
    subclass.layout(*LibZ::FIELDS)
  end

  def self.release(memory)
    Ledger.released(memory)
    ended = end_stream(memory)
    # For a struct that is no stream, or has been one. Not so Z_DATA_ERROR: a
    # stream was ended before all of its data had come.
    Ledger.bad "Z_STREAM_ERROR" if ended == LibZ::STREAM_ERROR
    left = Allocations.of(memory)
    Ledger.bad "zlib has #{left} blocks left" unless left.zero?
    LibC.free(memory)
  end

  def initialize
    super(Ledger.made(LibC.calloc(1, self.class.size)))
    Allocations.watch(self)
    LibZ.check start
    Ledger.bad "zlib does not say what it allocates" unless Allocations.of(pointer).positive?
  end

  # FFI::ManagedStruct never hears of it, and releases again.
  def free = self.class.release(pointer)

  # What comes out for +input+: all of it if +flush+ is FINISH, and as much as zlib
  # lets go of if there is more to come.
  def convert(input, flush = LibZ::FINISH)
    source = FFI::MemoryPointer.new(:char, input.bytesize).put_bytes(0, input)
    self[:next_in] = source
    self[:avail_in] = input.bytesize
    output = next_chunk(flush)
    output << next_chunk(flush) while self[:avail_out].zero?
    output
  end

  private

  def next_chunk(flush)
    chunk = FFI::MemoryPointer.new(:char, CHUNK)
    self[:next_out] = chunk
    self[:avail_out] = CHUNK
    LibZ.check step(flush)
    chunk.get_bytes(0, CHUNK - self[:avail_out])
  end
end

class Deflate < Stream
  def self.end_stream(memory) = LibZ.deflateEnd(memory)

  private

  def start = LibZ.deflateInit_(self, LibZ::BEST_COMPRESSION, LibZ.zlibVersion, self.class.size)
  def step(flush) = LibZ.deflate(self, flush)
end

class Inflate < Stream
  def self.end_stream(memory) = LibZ.inflateEnd(memory)

  private

  def start = LibZ.inflateInit_(self, LibZ.zlibVersion, self.class.size)
  def step(flush) = LibZ.inflate(self, flush)
end
