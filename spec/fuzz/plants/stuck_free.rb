# frozen_string_literal: true

UNWRITTEN = IO.pipe

# A `free` that never ends.
SafePointer.prepend(Module.new { def free(...) = UNWRITTEN.first.read })
