# frozen_string_literal: true

require "safe_pointer/guard/declaration"

class SafePointer
  module Guard
    # What happens to a pointer class.
    module ClassHooks
      include Declaration

      def method_added(name)
        super
        Guard.guard_free(self) if Guard.names(self).include?(name)
        Guard.forget(self)
        Guard.expose_all(self) if ReleaserVariable.reads?(instance_method(name))
      end

      def singleton_method_added(name)
        super
        return unless name == :release

        Guard.guard_release(self)
        Guard.forget(self)
      end

      def singleton_method_removed(name)
        super
        Guard.forget(self)
      end

      def singleton_method_undefined(name)
        super
        Guard.forget(self)
      end

      def include(*)
        super.tap { Guard.check_again(self) }
      end

      def prepend(*)
        super.tap { Guard.check_again(self) }
      end

      def extend(*)
        super.tap { Guard.check_again(self) }
      end

      private

      # A method that passes keywords on with its arguments does so under its other name too.
      def ruby2_keywords(*names)
        super(*names, *names.filter_map { |name| Post.aside(self, name) })
      end
    end

    # What happens to a single pointer.
    module InstanceHooks
      def singleton_method_added(name)
        super
        Guard.guard_free(singleton_class) if Guard.names(self.class).include?(name)
        Guard.expose(self)
      end

      def extend(*)
        super.tap do
          Guard.guard_free(singleton_class)
          Guard.expose(self)
        end
      end
    end
  end
end
