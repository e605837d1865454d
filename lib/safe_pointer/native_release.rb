# frozen_string_literal: true

require "safe_pointer/native_function"

class SafePointer
  # Classes whose pointers are released by a plain C function, without any Ruby.
  #
  # @api private
  module NativeRelease
    FILE = "#{__FILE__} (release)".freeze
    private_constant :FILE

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

        @native_release = NativeFunction.new("#{self}.release_with", *function).address
        NativeRelease.prepare(self)
        NativeRelease.define_release(self, @native_release)
        Guard.check_again(self)
      end

      private

      # Called by the extension, to whom it says which function to call in the place of `release`, if any.
      def native_release_address
        owner = NativeRelease.owner_of_release(self)
        owner.instance_variable_get(:@native_release) if owner && NativeRelease.in_force?(owner)
      end
    end

    class << self
      # Gives `klass` a `release` that calls the function, for programs that call it by hand.
      def define_release(klass, address)
        klass.singleton_class.class_eval(<<~RUBY, FILE, 1)
          undef_method(:release) if method_defined?(:release, false) || private_method_defined?(:release, false)

          def release(pointer)
            ::SafePointer::NativeRelease.call(#{address}, pointer.to_ptr.address)
            nil
          end
        RUBY
      end

      # The class that `klass` has its `release` from.
      def owner_of_release(klass)
        klass.ancestors.grep(Class).find { |ancestor| own?(ancestor.singleton_class) }
      end

      # Whether the `release` of `klass` is still the one defined here.
      def in_force?(klass)
        singleton = klass.singleton_class
        singleton.instance_method(Guard::Post.behind(singleton, :release)).source_location&.first == FILE
      end

      private

      def own?(singleton)
        singleton.method_defined?(:release, false) || singleton.private_method_defined?(:release, false)
      end
    end
  end
end
