# frozen_string_literal: true

require_relative "oracle"

# The common sort of subclass: its class method is the destructor.
class Handle < SafePointer
  def self.release(raw)
    Oracle.free(raw)
  end
end
