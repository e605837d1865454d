# frozen_string_literal: true

require_relative "world"

# A C library `C` that counts: its memory is the oracle's, each piece with a name in the log.
C_LIBRARY = <<~RUBY
  module C
    def self.create(name = :memory) = events.raw(name)
    def self.destroy(pointer) = Oracle.free(pointer)
  end
RUBY

BUFFER = "class Buffer < FFI::AutoPointer"
LIBC = 'require "safe_pointer"'

# libc, and images in its memory.
IMAGES = <<~RUBY
  require "safe_pointer"

  module C
    extend FFI::Library
    ffi_lib FFI::Library::LIBC
    attach_function :malloc, [:size_t], :pointer
    attach_function :free, [:pointer], :void
  end

  class Image < SafePointer
    def self.release(pointer) = C.free(pointer)
  end
RUBY

# FFI::AutoPointer, replaced.
IN_PLACE = {
  after: <<~RUBY,
    buffer = Class.new(FFI::AutoPointer) do
      def self.release(pointer) = Oracle.free(pointer)
      def free = Oracle.free(self)
    end
    buffer.new(events.raw(:buffer)).free
    events << SafePointer.replaced_auto_pointer?
  RUBY
  events: [%i[released buffer], true]
}.freeze

WORLDS = Worlds.new

Dir[File.join(__dir__, "worlds/*.rb")].sort.each { |file| require file }
