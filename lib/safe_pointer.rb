# frozen_string_literal: true

require "ffi"
require "safe_pointer/extension"
require "safe_pointer/fork"
require "safe_pointer/guard"
require "safe_pointer/native_release"
require "safe_pointer/null_checks"
require "safe_pointer/release_errors"
require "safe_pointer/release_queue"
require "safe_pointer/declarations"
require "safe_pointer/diagnostics"

SafePointer.include(SafePointer::NullChecks::Pointer)
SafePointer::Guard.watch(SafePointer)

require "safe_pointer/managed_struct"
require "safe_pointer/finalization_registry"
require "safe_pointer/undefine_finalizer"

# A C pointer that is released exactly once, whoever asks first: `free`, GC, the end of the process, or a method of the
# class's own. Subclasses define `self.release(pointer)`, as those of `FFI::AutoPointer` do.
#
# Its methods may be called on any thread.
#
# @see file:README.md What is guaranteed, and what is not
class SafePointer
  # Makes a pointer as `new` does, and frees it when the block ends, in whatever way. Without a block this is `new`.
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
    const_defined?(:AutoPointer, false) && AutoPointer.replaced?
  end
end
