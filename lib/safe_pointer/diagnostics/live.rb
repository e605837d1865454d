# frozen_string_literal: true

class SafePointer
  module Diagnostics
    # A pointer that is alive, or a releaser of another object. It refers to neither.
    #
    # @example
    #   SafePointer.live.group_by(&:pointer_class).transform_values(&:size) # => { Image => 2 }
    class Live
      class << self
        # @param except [Object] stands for an owner that is left out
        # @return [Array<Live>]
        # @api private
        def all(except: nil)
          found = {}.compare_by_identity
          [FFI::Pointer, Releaser].each do |type|
            ObjectSpace.each_object(type) do |object|
              owner, *facts = SafePointer.send(:ownership, object)
              found[owner] ||= [from(object, *facts), facts[5]] if owner
            end
          end
          found.each_value { |entry, parent| entry.send(:parent=, found[parent]&.first) }
          found.delete(except)
          found.values.map { |entry, _| entry.freeze }
        end

        private

        def from(object, pointer_class, address, size, origin, autorelease, _parent = nil, callable = nil)
          owner_class = Callable.owner_class(pointer_class, callable)
          new(owner_class, address, size, origin, autorelease, Capture.way(callable, object))
        end
      end

      private_class_method :new

      # @return [Class] of the pointer, or of the struct that has made it; of a releaser, that of what it holds
      attr_reader :pointer_class

      # @return [Integer, nil] nil if it has none
      attr_reader :address

      # @return [Integer] the native memory in bytes, as `size:` says it
      attr_reader :size

      # @return [Integer, nil] how many GCs there were since it was made; nil if it is not traced
      attr_reader :age

      # @return [Live, nil] what is released after it
      attr_reader :parent

      # @return [String, nil] by what its own release callable refers to it, so that GC never finds it dead
      attr_reader :kept_by

      # @api private
      def initialize(pointer_class, address, size, origin, autorelease, kept_by)
        @pointer_class = pointer_class
        @address = address
        @size = size
        @age = GC.count - origin.gc_count if origin&.gc_count
        @origin = origin
        @autorelease = autorelease
        @kept_by = kept_by
      end

      # @return [Array<String>, nil] the backtrace of where it was made; nil if it is not traced
      def made_at
        @origin&.made_at
      end

      # @return [String]
      def inspect
        place = site
        made = ", made at #{Backtrace.words(place)}" if place
        "#<#{SafePointer.send(:describe, pointer_class, address)} alive#{made}>"
      end
      alias to_s inspect

      # @return [String, nil] the first line of its backtrace
      def site
        made_at&.first
      end

      # Whether GC and exit release it.
      #
      # @api private
      def autorelease?
        @autorelease
      end

      private

      # Known when all are found.
      attr_writer :parent
    end
  end
end
