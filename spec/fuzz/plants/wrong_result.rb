# frozen_string_literal: true

# A second `free` returns something.
SafePointer.prepend(Module.new { def free(...) = freed? ? false : super })
