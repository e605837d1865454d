# frozen_string_literal: true

require "safe_pointer"
require "safe_pointer/auto_pointer/under_way"
require "safe_pointer/auto_pointer/handover"
require "safe_pointer/auto_pointer/patches"

class SafePointer
  # Makes `FFI::AutoPointer` itself safe, in place: classes that inherit from it, before or from now on,
  # `FFI::ManagedStruct`, and the pointers that exist already. Other threads may use all of these meanwhile.
  module AutoPointer
    class << self
      # Puts the methods of SafePointer into `FFI::AutoPointer`. Requiring this file does so; again does nothing.
      #
      # Each step leaves something that works: pointers that ffi makes are taken over when they are touched, and the
      # constructor, from which on ffi makes none, comes last.
      #
      # @return [void]
      def replace
        return if replaced?

        hand_over
        [FFI::AutoPointer, FFI::AutoPointer.singleton_class].each { |owner| avoid_warnings(owner) }
        keeping_patches { SafePointer.send(:install) }
        FFI::AutoPointer.extend(Declarations)
        FFI::AutoPointer.include(Equality, NullChecks::Pointer)
        FFI::ManagedStruct.include(NullChecks::Struct)
        Guard.watch(FFI::AutoPointer)
        Guard.watch(FFI::ManagedStruct, FFI::AutoPointer)
        # A class that another thread makes meanwhile may keep ffi's allocator, which works as well.
        Guard.subclasses_of(FFI::AutoPointer).each { |heir| SafePointer.send(:install_allocator, heir) }
        keeping_patches { SafePointer.send(:install_constructor) }
        @replaced = true
        ObjectSpace.each_object(FFI::AutoPointer) { |pointer| take_over(pointer) }
      end

      # @return [Boolean]
      def replaced?
        @replaced || false
      end

      # Whether ffi's own methods may release what `releaser` is of: nobody has begun that, and it has no successor.
      # They may have begun it already; `sure` says whether that is sure.
      #
      # @api private
      def claim(releaser, sure: true)
        SafePointer.send(:claim, releaser, sure)
      end

      # The releaser of ours in the place of `releaser`, nil before {replace} has got there. `dead` says that its
      # pointer is gone.
      #
      # @api private
      def successor(releaser, dead: false)
        SafePointer.send(:successor, releaser, dead)
      end

      # Whether ffi's own `free` may still be releasing what `releaser` is of. Called by the extension.
      #
      # @api private
      def under_way?(releaser)
        UnderWay.all.key?(releaser)
      end

      # What is to be called in the place of the method `release` of `releaser`. Called by the extension.
      #
      # @api private
      def callable(releaser, callable)
        release = releaser.method(:release)
        release.owner == CALLING ? callable : release
      end

      private

      # What is begun by ffi's methods is claimed there from the first step on, and known after the second.
      def hand_over
        FFI::AutoPointer::Releaser.prepend(Handover)
        UnderWay.all.each { |releaser, sure| claim(releaser, sure: sure) }
        SafePointer.send(:begin_replacement)
      end

      # Ruby warns of no method that is defined anew if it has another name. That is a matter of the method; `$VERBOSE`
      # would be one of all threads. What a module that is prepended has is none of the owner's.
      def avoid_warnings(owner)
        names = owner.instance_methods(false) + owner.private_instance_methods(false)
        names.select! { |name| owner.instance_method(name).owner.equal?(owner) }
        names.each { |name| owner.alias_method(name, name) }
      end

      def keeping_patches(&block)
        heirs = Guard.subclasses_of(FFI::AutoPointer)
        Patches.keep(FFI::AutoPointer, heirs) do
          singletons = heirs.map { |heir| Guard::Reflection.call(heir, :singleton_class) }
          Patches.keep(FFI::AutoPointer.singleton_class, singletons, &block)
        end
      end

      def take_over(pointer)
        SafePointer.send(:take_over, pointer)
        Guard.guard_singleton(pointer)
      end
    end
  end

  AutoPointer.replace
end
