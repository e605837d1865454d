# frozen_string_literal: true

class SafePointer
  module Diagnostics
    # What has become of a pointer. Frozen, and can be matched like a Hash.
    #
    # @example
    #   METRICS.increment("left_to_gc") if event in { name: :released, trigger: :gc }
    class Event
      # @return [Symbol] `:created`; `:released`, or `:failed` if the release raised, which is a release all the same;
      #   `:detached` if it was given away, or is gone with autorelease off
      attr_reader :name

      # @return [Class, nil] of the pointer, or of the struct that has made it; of a releaser, that of what it
      #   holds; nil if it is not known (see {SafePointer.subscribe})
      attr_reader :pointer_class

      # @return [Integer, nil] nil if it has none
      attr_reader :address

      # @return [Symbol, nil] by what it was released: a key of `:released` in {SafePointer.stats}
      attr_reader :trigger

      # @return [Integer] the native memory in bytes, as `size:` says it
      attr_reader :size

      # @api private
      def initialize(name, pointer_class, address, trigger, size)
        @name = name
        @pointer_class = pointer_class
        @address = address
        @trigger = trigger
        @size = size
        freeze
      end

      # @return [Hash{Symbol => Object}]
      def to_h
        { name: name, pointer_class: pointer_class, address: address, trigger: trigger, size: size }
      end

      # For `case` with a pattern.
      #
      # @param _names [Array<Symbol>, nil] which values are wanted; all are given
      # @return [Hash{Symbol => Object}]
      def deconstruct_keys(_names)
        to_h
      end
    end
  end
end
