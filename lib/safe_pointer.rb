# frozen_string_literal: true

require "ffi"
require "safe_pointer/safe_pointer"
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

class SafePointer
  # Makes a pointer as `new` does, and frees it when the block ends, in whatever way. Without a block this is `new`.
  #
  # @yieldparam pointer [SafePointer]
  # @return what the block returns, or the pointer
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
