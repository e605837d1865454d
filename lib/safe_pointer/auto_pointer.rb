# frozen_string_literal: true

require "safe_pointer"

class SafePointer
  # Makes `FFI::AutoPointer` itself safe, in place: classes that inherit from it, before or from now on,
  # `FFI::ManagedStruct`, and the pointers that exist already.
  module AutoPointer
    class << self
      # Puts the methods of SafePointer into `FFI::AutoPointer`. Once is enough; again does nothing.
      def replace
        return if replaced?

        SafePointer.send(:install, FFI::AutoPointer)
        @replaced = true
        ObjectSpace.each_object(FFI::AutoPointer) { |pointer| adopt(pointer) }
        Guard.watch(FFI::AutoPointer)
        Guard.watch(FFI::ManagedStruct)
      end

      def replaced?
        @replaced || false
      end

      private

      # Takes a pointer over from ffi's releaser, which is left with nothing to do.
      #
      # A frozen pointer cannot be given another finalizer: it stays with ffi's.
      def adopt(pointer)
        old = pointer.instance_variable_get(:@releaser)
        return if old.nil? || pointer.frozen?

        held, callable = %i[@ptr @proc].map { |name| old.instance_variable_get(name) }
        autorelease = old.autorelease
        old.autorelease = false
        old.instance_variable_set(:@ptr, nil)
        callable = callable.method(:release) unless callable.nil? || callable.respond_to?(:call)
        SafePointer.send(:adopt, pointer, held, callable, autorelease)
      end
    end
  end

  class << self
    # Whether `FFI::AutoPointer` has been made safe with `require "safe_pointer/auto_pointer"`.
    #
    # @return [Boolean]
    def replaced_auto_pointer?
      AutoPointer.replaced?
    end
  end

  AutoPointer.replace
end
