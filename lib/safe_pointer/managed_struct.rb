# frozen_string_literal: true

class SafePointer
  # `FFI::ManagedStruct` whose memory is released exactly once: to SafePointer what that class is to
  # `FFI::AutoPointer`. Subclasses define `self.release(pointer)`, and may define `free`.
  #
  # @example
  #   class Point < SafePointer::ManagedStruct
  #     layout :x, :int, :y, :int
  #
  #     def self.release(pointer) = C.free(pointer)
  #   end
  #
  #   point = Point.new(C.malloc(Point.size))
  class ManagedStruct < FFI::Struct
    include NullChecks::Struct

    extend Fork::Policy
    extend Guard::Declaration
    extend ReleaseQueue::Declaration

    class << self
      private

      # What the class's `release` is then.
      def release_when_due(memory)
        release(memory)
      end
    end

    # @param pointer [FFI::Pointer] the memory of the struct
    # @param options [Hash{Symbol => Object}] those of {SafePointer#initialize}
    # @raise [NoMethodError] if the class has no `release`
    # @raise [ArgumentError] if there is no pointer
    # @raise [TypeError] if it owns its memory already
    def initialize(pointer = nil, **options)
      unless self.class.respond_to?(:release, true)
        raise NoMethodError, "release() not implemented for class #{self}"
      end
      raise ArgumentError, "Must supply a pointer to memory for the Struct" unless pointer

      declared = { fork_policy: Fork.declared_by(self.class), release_queue: ReleaseQueue.of(self.class) }.compact
      super(SafePointer.new(pointer, self.class.method(:release_when_due), **declared, **options))
    end

    # Releases the struct's memory, unless that has been done already. Its fields cannot be read or written
    # any more: FFI::NullPointerError.
    #
    # @overload free
    #   @return [nil]
    def free(...)
      pointer.free(...)
    end

    # @return [Boolean]
    def freed?
      pointer.freed?
    end
  end

  Guard.watch(ManagedStruct, SafePointer)
end
