# frozen_string_literal: true

class SafePointer
  # Which pointers are equal. `eql?` and `hash` are those of the object, as in ffi, and a release does not change them.
  module Equality
    # As `FFI::Pointer#==`, by address, until the release. A released pointer is equal to itself alone: not to another
    # released one, not to NULL nor nil, and not to what has its old address (see {SafePointer#released_address}).
    #
    # `FFI::Pointer::NULL == pointer` is a method of ffi's, which compares addresses, so it is true after the release.
    #
    # @param other [Object]
    # @return [Boolean]
    def ==(other)
      return super unless null?

      equal?(other) || (!released_address && !Equality.released?(other) && super)
    end

    # @api private
    def self.released?(object)
      object.is_a?(Equality) && !object.released_address.nil?
    end
  end
end
