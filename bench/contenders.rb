# frozen_string_literal: true

require "ffi"
require "fiddle"

# The same C work, `malloc(16)` and `free` through ffi, held in each of the ways there are.
module Contenders
  # The C library.
  module C
    extend FFI::Library
    ffi_lib FFI::Library::LIBC
    attach_function :malloc, [:size_t], :pointer
    attach_function :free, [:pointer], :void
  end

  SIZE = 16
  FIDDLE_FREE = Fiddle::Function.new(Fiddle.dlopen(nil)["free"], [Fiddle::TYPE_VOIDP], Fiddle::TYPE_VOID)

  # A way to hold a pointer: `make` returns what holds it, `free` frees that by hand.
  Contender = Struct.new(:title, :library, :make, :free, :own, :from_native, :parent, :queue) do
    # Makes one that nobody keeps.
    def leave = title == LIMIT ? -> { free.call(make.call) } : make
  end

  LIMIT = "the limit"

  module_function

  def all
    @all ||= {
      "limit" => limit,
      "fiddle" => Contender.new("Fiddle::Pointer", "fiddle",
                                -> { Fiddle::Pointer.new(C.malloc(SIZE).address, SIZE, FIDDLE_FREE) },
                                ->(pointer) { pointer.call_free }),
      "memory_pointer" => Contender.new("FFI::MemoryPointer", "ffi",
                                        -> { FFI::MemoryPointer.new(SIZE) }, ->(pointer) { pointer.free }),
      "by_hand" => by_hand,
      "auto_pointer" => subclass("FFI::AutoPointer", FFI::AutoPointer) do
        def self.release(pointer) = C.free(pointer)
      end
    }.merge(safe_pointers)
  end

  # What no holder can be cheaper than: a bare pointer, freed with an explicit call, also where others leave that to GC.
  def limit
    Contender.new(LIMIT, "ffi", -> { FFI::Pointer.new(C.malloc(SIZE)) }, ->(pointer) { C.free(pointer) })
  end

  # As ffi's author advises.
  def by_hand
    owner = Class.new do
      attr_reader :pointer

      def self.finalizer(pointer) = proc { C.free(pointer) }

      def initialize(pointer)
        @pointer = pointer
        ObjectSpace.define_finalizer(self, self.class.finalizer(pointer))
      end

      def free
        ObjectSpace.undefine_finalizer(self)
        C.free(@pointer)
      end
    end
    Contender.new("define_finalizer by hand", "ffi", -> { owner.new(C.malloc(SIZE)) }, ->(object) { object.free })
  end

  def safe_pointers
    require "safe_pointer"
    callable = C.method(:free)
    {
      "release" => subclass("SafePointer, Ruby release", SafePointer) do
        def self.release(pointer) = C.free(pointer)
      end,
      "callable" => Contender.new("SafePointer, attached function", "safe_pointer",
                                  -> { SafePointer.new(C.malloc(SIZE), callable) }, ->(pointer) { pointer.free }),
      "native" => subclass("SafePointer, release_with", SafePointer) { release_with C, :free }
    }
  end

  def subclass(title, base, &body)
    type = Class.new(base, &body)
    safe = base != FFI::AutoPointer
    own = Class.new(type) { def free = super }
    Contender.new(title, safe ? "safe_pointer" : "ffi",
                  -> { type.new(C.malloc(SIZE)) }, ->(pointer) { pointer.free },
                  -> { own.new(C.malloc(SIZE)) }, returning(type),
                  safe ? ->(parent) { type.new(C.malloc(SIZE), parent: parent) } : nil,
                  safe ? queued(type) : nil)
  end

  # A function that returns the class.
  def returning(type)
    library = Module.new do
      extend FFI::Library
      ffi_lib FFI::Library::LIBC
    end
    library.attach_function(:malloc, [:size_t], type)
    -> { library.malloc(SIZE) }
  end

  def queued(type)
    queue = SafePointer::ReleaseQueue.new
    queued = Class.new(type) { release_queue queue }
    [-> { queued.new(C.malloc(SIZE)) }, queue]
  end
end
