# frozen_string_literal: true

require_relative "../ffi_1126/libc"

module LibC
  attach_function :calloc, %i[size_t size_t], :pointer
end

# As much of zlib as a stream needs. Not Ruby's own Zlib, which is an extension in C.
module LibZ
  Stage.library(self, "libz.so.1", "zlib1g")

  # z_stream.
  FIELDS = [
    :next_in, :pointer, :avail_in, :uint, :total_in, :ulong,
    :next_out, :pointer, :avail_out, :uint, :total_out, :ulong,
    :msg, :pointer, :state, :pointer,
    :zalloc, :pointer, :zfree, :pointer, :opaque, :pointer,
    :data_type, :int, :adler, :ulong, :reserved, :ulong
  ].freeze

  Error = Class.new(StandardError)

  OK = 0
  STREAM_ERROR = -2
  BUF_ERROR = -5 # no error: it wants more room for what comes out

  NO_FLUSH = 0
  FINISH = 4
  BEST_COMPRESSION = 9

  attach_function :zlibVersion, [], :string
  attach_function :deflateInit_, %i[pointer int string int], :int
  attach_function :deflate, %i[pointer int], :int
  attach_function :deflateEnd, [:pointer], :int
  attach_function :inflateInit_, %i[pointer string int], :int
  attach_function :inflate, %i[pointer int], :int
  attach_function :inflateEnd, [:pointer], :int

  def self.check(status)
    raise Error, "zlib answered #{status}" unless status >= OK || status == BUF_ERROR
  end
end
