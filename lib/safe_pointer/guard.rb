# frozen_string_literal: true

require "safe_pointer/guard/releaser_variable"
require "safe_pointer/guard/source"

class SafePointer
  # Sees to it that a class's own `free`, and its `release` called by hand, go through the claim, however
  # they got there: by `def`, `define_method`, `alias_method`, a mixin or a singleton method.
  #
  # A method that a class defines itself is moved aside, and a guard of the same name takes its place: the
  # class still owns the method, and `super` in it goes where it went. In front of a mixin's method, which
  # other classes may use too, the guard is a method of the class that calls `super`.
  #
  # A class that has neither pays nothing.
  module Guard
    # For the pointer class and its subclasses.
    module ClassHooks
      def method_added(name)
        super
        Guard.take_over(self, name) if name == :free
        Guard.forget(self)
      end

      def singleton_method_added(name)
        super
        Guard.take_over(singleton_class, name) if name == :release
      end

      def include(*)
        super.tap { Guard.mixed_in(self) }
      end

      def prepend(*)
        super.tap { Guard.mixed_in(self) }
      end

      def extend(*)
        super.tap { Guard.stand_before_mixin(singleton_class, :release) }
      end

      private

      # A method that passes keywords on with its arguments does so under its other name too.
      def ruby2_keywords(*names)
        super(*names, *names.filter_map { |name| Guard.aside(self, name) })
      end
    end

    # For single pointers.
    module InstanceHooks
      def singleton_method_added(name)
        super
        Guard.take_over(singleton_class, name) if name == :free
      end

      def extend(*)
        super.tap { Guard.stand_before_mixin(singleton_class, :free) }
      end
    end

    class << self
      # Guards what `klass` and its superclasses define, for the methods that came past the hooks: in a class
      # with a `method_added` of its own, or by `class << self; include ...`. Called by the extension before
      # the first pointer of a class is made, and again after the class has changed.
      #
      # Returns whether the class has code that reads `@releaser`.
      def check(klass)
        subclasses(klass).reverse_each do |subclass|
          [[subclass, :free], [subclass.singleton_class, :release]].each do |owner, name|
            take_over(owner, name) if defines?(owner, name, false)
            stand_before_mixin(owner, name)
          end
        end
        ReleaserVariable.read_by?(klass)
      end

      # Has `klass` and its subclasses checked again.
      def forget(klass)
        unmark(klass)
        klass.subclasses.each { |subclass| forget(subclass) }
      end

      # After a module has been mixed into `klass`.
      def mixed_in(klass)
        stand_before_mixin(klass, :free)
        forget(klass)
      end

      # Puts a guard in the place of a method that `owner` defines itself.
      def take_over(owner, name)
        method = owner.instance_method(name)
        return if Source.guard?(method)

        aside = :"#{aside_prefix(name)}#{method.object_id}"
        visibility = visibility(owner, name)
        owner.alias_method(aside, name)
        Source.define(owner, method, aside)
        owner.send(visibility, name)
        owner.send(:private, aside)
      end

      # The name under which the method that `owner` defined last as `name` is kept, or nil.
      def aside(owner, name)
        asides = owner.private_instance_methods(false).select { |aside| aside.start_with?(aside_prefix(name)) }
        asides.max_by { |aside| aside[/\d+\z/].to_i }
      end

      # Puts a guard in front of a method that `owner` has from a mixin.
      def stand_before_mixin(owner, name)
        return unless defines?(owner, name, true)

        method = owner.instance_method(name)
        return if method.owner.is_a?(Class) || Source.guard?(method)

        visibility = visibility(owner, name)
        front = in_front(owner, method.owner)
        Source.define(front, method, :super)
        front.send(visibility, name)
        owner.prepend(front) unless front.equal?(owner)
      end

      private

      def aside_prefix(name)
        "__#{name}_unguarded_"
      end

      def subclasses(klass)
        klass.ancestors.grep(Class).take_while { |ancestor| ancestor < SafePointer }
      end

      # Where a method hides the one that `mixin` gives to `owner`: in the owner, but for a prepended mixin.
      def in_front(owner, mixin)
        ancestors = owner.ancestors
        ancestors.index(mixin) < ancestors.index(owner) ? Module.new : owner
      end

      def defines?(owner, name, inherited)
        owner.method_defined?(name, inherited) || owner.private_method_defined?(name, inherited)
      end

      def visibility(owner, name)
        if owner.private_method_defined?(name) then :private
        elsif owner.protected_method_defined?(name) then :protected
        else :public
        end
      end
    end
  end

  extend Guard::ClassHooks
  include Guard::InstanceHooks
end
