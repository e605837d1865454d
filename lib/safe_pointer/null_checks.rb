# frozen_string_literal: true

class SafePointer
  # ffi refuses to read or write through NULL, which is what a released pointer is, with these exceptions: it copies
  # without a look at either address, and a part of NULL, which has an address again, is what it reads or copies next.
  #
  # @api private
  module NullChecks
    # For structs that own their memory.
    module Struct
      # @raise [FFI::NullPointerError] if the memory is released
      def clear
        # One that was only allocated has none.
        NullChecks.refuse(self, :clear) if pointer&.null?
        super
      end

      private

      # @raise [FFI::NullPointerError] if the memory is released
      def initialize_copy(other)
        memory = other.pointer
        NullChecks.refuse(self, :initialize_copy, memory) if Equality.released?(memory)
        super
      end
    end

    # For pointers that own their memory.
    module Pointer
      # @raise [FFI::NullPointerError] if the memory is released
      def clear
        NullChecks.refuse(self, :clear) if null?
        super
      end

      # What structs are copied with.
      #
      # @raise [FFI::NullPointerError] if the memory is released
      def __copy_from__(source, length)
        NullChecks.refuse(self, :__copy_from__) if null? && length != 0
        super
      end

      # @raise [FFI::NullPointerError] if the memory is released
      def +(offset)
        NullChecks.refuse(self, :+) if null? && released_address
        super
      end

      # What structs take their fields from that are structs.
      #
      # @raise [FFI::NullPointerError] if the memory is released
      def slice(offset, length)
        NullChecks.refuse(self, :slice) if null? && released_address
        super
      end

      # @raise [FFI::NullPointerError] if the memory is released, and an order is given
      def order(*order)
        NullChecks.refuse(self, :order) if null? && released_address && !order.empty?
        super
      end

      # A `:string` of NULL is nil in ffi.
      #
      # @raise [FFI::NullPointerError] if the memory is released
      def get(type, offset)
        value = super
        NullChecks.refuse(self, :get) if value.nil? && released_address
        value
      end
    end

    # For whatever may be copied to. This is on the way of every struct that is assigned to a field.
    module Source
      # @raise [FFI::NullPointerError] if the source is NULL
      def __copy_from__(source, length)
        NullChecks.refuse(self, :__copy_from__, source) if source.is_a?(FFI::Pointer) && source.null? && length != 0
        super
      end
    end

    def self.refuse(receiver, method, memory = receiver)
      raise FFI::NullPointerError, "#{receiver.class}##{method}: #{memory.inspect} is NULL"
    end
  end
end
