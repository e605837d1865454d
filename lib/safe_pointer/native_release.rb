# frozen_string_literal: true

require "safe_pointer/native_function"

class SafePointer
  # Classes whose pointers are released by a plain C function, without any Ruby.
  #
  # @api private
  module NativeRelease
    # For pointer classes.
    #
    # @api public
    module Declaration
      # Declares the C function that releases pointers of this class and its subclasses. It is called with the address:
      # by `free` at once, and for what GC has found dead as soon as Ruby is at a safe place, or by the class's
      # `release_queue`. A subclass that defines `release`, or declares another function, goes its own way.
      #
      # The function must not call back into Ruby. Its library stays loaded for as long as the process lives.
      #
      # @overload release_with(library, name)
      #   @param library [Module] extended by FFI::Library
      #   @param name [Symbol, String] of a function attached there
      # @overload release_with(function)
      #   @param function [FFI::Function, FFI::DynamicLibrary::Symbol] of a library
      # @raise [TypeError] if it is something else, or made of a Ruby block
      # @raise [ArgumentError] if there is no such function, it is NULL, or does not take one pointer
      # @return [void]
      def release_with(*function)
        raise ArgumentError, "#{self}.release_with: declare it in a subclass" if Guard.base?(self)

        address = NativeFunction.new(self, *function).address
        NativeRelease.prepare(self)
        NativeRelease.define_release(self, address)
        release = Guard.share(Guard::Reflection.call(self, :singleton_class).instance_method(:release))
        @native_release = [address, release].freeze
        Guard.check_again(self)
      end
    end

    class << self
      # Gives `klass` a `release` that calls the function, for programs that call it by hand. Ruby does not warn of a
      # method that is defined anew if it has another name; it must not be missing meanwhile.
      def define_release(klass, address)
        Guard::Reflection.call(klass, :singleton_class).class_eval(<<~RUBY, __FILE__, __LINE__ + 1)
          alias_method(:release, :release) if method_defined?(:release, false) || private_method_defined?(:release, false)

          def release(pointer)
            ::SafePointer::NativeRelease.call(#{address}, pointer.to_ptr.address)
            nil
          end
        RUBY
      end

      # The address of the function that releases pointers of `klass`: nil unless its `release` is the one defined here,
      # and a hook tells if that changes. Called by the extension.
      def address_for(klass)
        release = Guard.hooked_release(klass)
        return unless release

        owner = Guard::Reflection.classes(klass).find do |ancestor|
          Guard::Reflection.same?(Guard::Reflection.call(ancestor, :singleton_class), release.owner)
        end
        address, declared = Guard::Reflection.call(owner, :instance_variable_get, :@native_release) if owner
        address if declared == release
      end
    end
  end
end
