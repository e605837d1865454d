# frozen_string_literal: true

NEVER_WRITTEN = IO.pipe

# A `detach` that never ends.
SafePointer.prepend(Module.new { def detach = NEVER_WRITTEN.first.read })
