# frozen_string_literal: true

# A `free` that ends the process.
SafePointer.prepend(Module.new { def free(...) = super.tap { Process.kill(:KILL, Process.pid) } })
