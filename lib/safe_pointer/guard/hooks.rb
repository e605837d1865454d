# frozen_string_literal: true

class SafePointer
  module Guard
    # What happens to a pointer class.
    module ClassHooks
      # Declares that pointers of this class are freed under other names too. Each of these methods is then a
      # release like a `free` of the class's own: it runs at most once, and GC and exit do nothing afterwards.
      #
      # The methods may be inherited, come from a mixin or be defined later. Subclasses inherit the names.
      #
      # @param names [Array<Symbol, String>]
      # @raise [ArgumentError] if one of them cannot be a method's name in Ruby code, or this is no subclass
      # @return [void]
      def frees_with(*names)
        raise ArgumentError, "#{self}.frees_with: declare it in a subclass" if Guard.base?(self)

        names.each do |name|
          next if (name.is_a?(Symbol) || name.is_a?(String)) && name.match?(/\A[[:alpha:]_]\w*[!?]?\z/)

          raise ArgumentError, "#{self}.frees_with: #{name.inspect} is no method name"
        end

        @frees_with = [*@frees_with, *names.map(&:to_sym)].uniq.freeze
        Guard.check_again(self)
      end

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
