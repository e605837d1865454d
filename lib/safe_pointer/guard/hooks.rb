# frozen_string_literal: true

require "safe_pointer/guard/declaration"

class SafePointer
  module Guard
    # What happens to a pointer class.
    module ClassHooks
      include Declaration

      def method_added(name)
        super
        Guard.guard_added(self, name)
        Guard.forget(self)
        Guard.expose_all(self) if ReleaserVariable.reads?(Reflection.call(self, :instance_method, name))
      end

      def singleton_method_added(name)
        super
        return unless name == :release

        Guard.guard_release(self)
        Guard.release_changed(self)
      end

      def singleton_method_removed(name)
        super
        Guard.release_changed(self)
      end

      def singleton_method_undefined(name)
        super
        Guard.release_changed(self)
      end

      def include(*)
        super
        Guard.check_again(self)
        self
      end

      def prepend(*)
        super
        Guard.check_again(self)
        self
      end

      def extend(*)
        super
        Guard.check_again(self)
        self
      end

      # Ruby calls no hook for the copy of a class, and takes the new name of a method that is moved aside for the one
      # that its `super` means.
      def dup(*)
        raise TypeError, "#{self}.#{__callee__}: a pointer class has no copies; inherit from it instead"
      end

      alias clone dup

      private

      # A method that passes keywords on with its arguments does so under its other name too.
      def ruby2_keywords(*names)
        super(*names, *names.filter_map { |name| Wrapper.other_name(self, name) })
      end
    end

    # What happens to the singleton class of a pointer class.
    module SingletonClassHooks
      def include(*)
        super
        Guard.check_again(Guard.class_of(self))
        self
      end

      def prepend(*)
        super
        Guard.check_again(Guard.class_of(self))
        self
      end
    end

    # What happens to a single pointer.
    module InstanceHooks
      def singleton_method_added(name)
        super
        klass = Reflection.call(self, :class)
        Guard.guard_free(Reflection.call(self, :singleton_class)) if Guard.names(klass).include?(name)
        Guard.expose(self)
      end

      def extend(*)
        super
        Guard.guard_free(Reflection.call(self, :singleton_class))
        Guard.expose(self)
        self
      end
    end
  end
end
