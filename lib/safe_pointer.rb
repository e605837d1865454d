# frozen_string_literal: true

require "ffi"
require "safe_pointer/extension"
require "safe_pointer/callable"
require "safe_pointer/equality"
require "safe_pointer/fork"
require "safe_pointer/guard"
require "safe_pointer/native_release"
require "safe_pointer/null_checks"
require "safe_pointer/release_errors"
require "safe_pointer/release_queue"
require "safe_pointer/trap_context"
require "safe_pointer/declarations"
require "safe_pointer/diagnostics"

SafePointer.include(SafePointer::Equality, SafePointer::NullChecks::Pointer)
[FFI::Pointer, FFI::Buffer].each { |memory| memory.include(SafePointer::NullChecks::Source) }
SafePointer::Guard.watch(SafePointer)

require "safe_pointer/managed_struct"
require "safe_pointer/finalization_registry"
require "safe_pointer/undefine_finalizer"

# A C pointer that is released exactly once, whoever asks first: `free`, GC, the end of the process, or a method of the
# class's own. Subclasses define `self.release(pointer)`, as those of `FFI::AutoPointer` do.
#
# Its methods may be called on any thread.
#
# @example
#   class Block < SafePointer
#     def self.release(pointer) = C.free(pointer)
#   end
#
#   block = Block.new(C.malloc(16))
#   block.free
#   block.freed? # => true
#
# @see file:docs/guarantees.md What is guaranteed, and what is not
class SafePointer
  # Makes a pointer as `new` does, and frees it when the block ends, in whatever way. Without a block this is `new`.
  #
  # @example
  #   Block.open(C.malloc(16)) { |block| block.write_string("hello") }
  #
  # @param arguments [Array<Object>] those of {#initialize}
  # @param options [Hash{Symbol => Object}] those of {#initialize}
  # @yieldparam pointer [SafePointer]
  # @return [Object, SafePointer] what the block returns, or the pointer
  def self.open(*arguments, **options)
    pointer = new(*arguments, **options)
    return pointer unless block_given?

    begin
      yield pointer
    ensure
      pointer.free
    end
  end

  # Whether `FFI::AutoPointer` has been made safe with `require "safe_pointer/auto_pointer"`.
  #
  # @return [Boolean]
  def self.replaced_auto_pointer?
    # Another thread may be loading it.
    const_defined?(:AutoPointer, false) && AutoPointer.respond_to?(:replaced?) && AutoPointer.replaced?
  end
end

# From here on these are called, by other threads too, while this is still being loaded: what they call has to be there.
Process.singleton_class.prepend(SafePointer::Fork) if Process.respond_to?(:_fork)
ObjectSpace.singleton_class.prepend(SafePointer::UndefineFinalizer)
