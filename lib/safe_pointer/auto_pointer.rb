# frozen_string_literal: true

require "safe_pointer"

class SafePointer
  # Makes `FFI::AutoPointer` itself safe, in place: classes that inherit from it, before or from now on,
  # `FFI::ManagedStruct`, and the pointers that exist already.
  module AutoPointer
    # What ffi's releaser of a frozen pointer calls instead: Ruby allows a frozen object no new finalizer.
    #
    # @api private
    class Handover
      def initialize(releaser)
        @releaser = releaser
      end

      def call(held)
        @releaser.call(held)
      end
      alias_method :release, :call
    end
    private_constant :Handover

    class << self
      # Puts the methods of SafePointer into `FFI::AutoPointer`. Requiring this file does so; again does nothing.
      #
      # @return [void]
      def replace
        return if replaced?

        FFI::AutoPointer.extend(Declarations)
        without_warnings { SafePointer.send(:install, FFI::AutoPointer) }
        @replaced = true
        ObjectSpace.each_object(FFI::AutoPointer) { |pointer| adopt(pointer) }
        FFI::AutoPointer.include(NullChecks::Pointer)
        FFI::ManagedStruct.include(NullChecks)
        Guard.watch(FFI::AutoPointer)
        Guard.watch(FFI::ManagedStruct, FFI::AutoPointer)
        ObjectSpace.each_object(FFI::AutoPointer) { |pointer| guard_singleton(pointer) }
      end

      # @return [Boolean]
      def replaced?
        @replaced || false
      end

      private

      # That methods are defined anew is what this is about.
      def without_warnings
        verbose, $VERBOSE = $VERBOSE, nil
        yield
      ensure
        $VERBOSE = verbose
      end

      # Takes a pointer over from ffi's releaser, which is left with nothing to do of its own.
      def adopt(pointer)
        old = pointer.instance_variable_get(:@releaser)
        return unless old

        held, callable = %i[@ptr @proc].map { |name| old.instance_variable_get(name) }
        callable = callable.method(:release) unless callable.nil? || callable.respond_to?(:call)
        releaser = SafePointer.send(:adopt, pointer, held, callable, old.autorelease)
        if pointer.frozen?
          old.instance_variable_set(:@proc, Handover.new(releaser))
        else
          old.instance_variable_set(:@ptr, nil)
          ObjectSpace.define_finalizer(pointer, releaser) if held
        end
      end

      # A frozen pointer's methods cannot be replaced any more.
      def guard_singleton(pointer)
        return if pointer.frozen? || !pointer.singleton_methods.intersect?(Guard.names(pointer.class))

        Guard.guard_free(pointer.singleton_class)
      end
    end
  end

  AutoPointer.replace
end
