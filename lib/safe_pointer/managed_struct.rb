# frozen_string_literal: true

class SafePointer
  # `FFI::ManagedStruct` whose memory is released exactly once: to SafePointer what that class is to
  # `FFI::AutoPointer`. Subclasses define `self.release(pointer)`, and may define `free`.
  class ManagedStruct < FFI::Struct
    include NullChecks

    extend Fork::Policy
    extend Guard::Declaration
    extend ReleaseQueue::Declaration

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

      declared = { fork_policy: self.class.declared_fork_policy, release_queue: self.class.release_queue }.compact
      super(SafePointer.new(pointer, self.class.method(:release), **declared, **options))
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
