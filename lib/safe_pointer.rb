# frozen_string_literal: true

require "ffi"
require "safe_pointer/safe_pointer"
require "safe_pointer/guard"
require "safe_pointer/null_checks"
require "safe_pointer/release_errors"

SafePointer.include(SafePointer::NullChecks::Pointer)
SafePointer::Guard.watch(SafePointer)

require "safe_pointer/managed_struct"

class SafePointer
  # Whether `FFI::AutoPointer` has been made safe with `require "safe_pointer/auto_pointer"`.
  #
  # @return [Boolean]
  def self.replaced_auto_pointer?
    const_defined?(:AutoPointer, false) && AutoPointer.replaced?
  end
end
