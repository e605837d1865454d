# frozen_string_literal: true

class SafePointer
  # ffi refuses to read or write through NULL, which is what a released pointer is, with these exceptions.
  #
  # @api private
  module NullChecks
    # @raise [FFI::NullPointerError] if the memory is released
    def clear
      NullChecks.check(self, :clear)
      super
    end

    # For pointers: what structs are copied with.
    module Pointer
      include NullChecks

      # @raise [FFI::NullPointerError] if the memory is released
      def __copy_from__(*)
        NullChecks.check(self, :__copy_from__)
        super
      end
    end

    def self.check(memory, method)
      raise FFI::NullPointerError, "#{memory.class}##{method}: #{memory.inspect} is NULL" if memory.null?
    end
  end
end
