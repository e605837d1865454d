# frozen_string_literal: true

class SafePointer
  module Diagnostics
    # A pointer that is alive, or a releaser of another object. It refers to neither.
    #
    # @!attribute [r] pointer_class
    #   @return [Class] of the pointer; of a releaser, that of what it holds
    # @!attribute [r] address
    #   @return [Integer, nil] nil if it has none
    # @!attribute [r] size
    #   @return [Integer] the native memory in bytes, as `size:` tells it
    # @!attribute [r] age
    #   @return [Integer, nil] how many GCs there were since it was made; nil if it is not traced
    # @!attribute [r] made_at
    #   @return [Array<String>, nil] the backtrace of where it was made; nil if it is not traced
    # @!attribute [r] parent
    #   @return [Live, nil] what is released after it
    # @!attribute [r] kept_by
    #   @return [String, nil] by what its own release callable refers to it, so that GC never finds it dead
    Live = Struct.new(:pointer_class, :address, :size, :age, :made_at, :parent, :kept_by) do
      # @param except [Object] stands for an owner that is left out
      # @return [Array<Live>]
      # @api private
      def self.all(except: nil)
        found = {}.compare_by_identity
        [FFI::Pointer, Releaser].each do |type|
          ObjectSpace.each_object(type) do |object|
            owner, *facts = SafePointer.send(:ownership, object)
            found[owner] ||= [from(object, *facts), facts[4]] if owner
          end
        end
        found.each_value { |entry, parent| entry.parent = found[parent]&.first }
        found.delete(except)
        found.values.map { |entry, _| entry.freeze }
      end

      def self.from(object, pointer_class, address, size, origin, _parent = nil, callable = nil)
        age = GC.count - origin.gc_count if origin&.gc_count
        new(pointer_class, address, size, age, origin&.made_at, nil, Capture.way(callable, object))
      end
      private_class_method :from, :new

      # @return [String]
      def inspect
        "#<#{SafePointer.send(:describe, pointer_class, address)} alive#{", made at #{site}" if made_at}>"
      end
      alias_method :to_s, :inspect

      # @return [String, nil] the first line of its backtrace
      def site
        made_at&.first
      end
    end
  end
end
