# frozen_string_literal: true

# What is given away is released as well.
SafePointer.prepend(Module.new { def detach = super.tap { |raw| Oracle.free(raw) } })
