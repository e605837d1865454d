# frozen_string_literal: true

require "ffi"
require "safe_pointer/safe_pointer"
require "safe_pointer/guard"
require "safe_pointer/release_errors"

SafePointer::Guard.watch(SafePointer)

require "safe_pointer/managed_struct"
