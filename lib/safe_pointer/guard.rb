# frozen_string_literal: true

require "safe_pointer/guard/reflection"
require "safe_pointer/guard/hooks"
require "safe_pointer/guard/wrapper"
require "safe_pointer/guard/releaser_variable"

class SafePointer
  # Sees to it that a class's own `free`, and its `release` called by hand, go through the claim, however
  # they got there: by `def`, `define_method`, `alias_method`, a mixin or a singleton method.
  #
  # A class that has neither pays nothing.
  #
  # @api private
  module Guard
    RELEASE_HOOKS = %i[singleton_method_added singleton_method_removed singleton_method_undefined].freeze
    private_constant :RELEASE_HOOKS

    @bases = {}.compare_by_identity.freeze

    class << self
      # Has the subclasses of `base` guarded, those that exist already included. `pointer_class` is what they
      # wrap, if they are no pointers themselves.
      def watch(base, pointer_class = base)
        @bases = Ractor.make_shareable(@bases.merge(base => [base, pointer_class].uniq))
        base.extend(ClassHooks)
        base.singleton_class.extend(SingletonClassHooks)
        base.include(InstanceHooks, ReleaserVariable::Hooks)
        subclasses_of(base).each { |klass| check(klass) }
      end

      # The watched class that `klass` descends from.
      def base_of(klass)
        @bases.keys.find { |base| Reflection.call(klass, :<=, base) }
      end

      def base?(owner)
        @bases.key?(owner)
      end

      # The names under which pointers of `klass` are freed.
      def names(klass)
        return [:free] if base?(klass)

        names(Reflection.call(klass, :superclass)) | own_names(klass)
      end

      # Guards what `klass` and its superclasses define, for the methods that came past the hooks: in a class
      # with a `method_added` of its own, or by `class << self; include ...`. Called by the extension before
      # the first pointer of a class is made, and again after the class has changed.
      #
      # Returns whether the class has code that reads `@releaser`.
      def check(klass)
        base = base_of(klass)
        ancestors = Reflection.classes(klass)
        ancestors.take_while { |ancestor| !Reflection.same?(ancestor, base) }.reverse_each do |ancestor|
          guard_free(ancestor)
          guard_release(ancestor)
        end
        ReleaserVariable.read_by?(klass, base)
      end

      # Has `klass` and its subclasses checked again. Returns whether there may be pointers of them that a C function is
      # to release.
      def forget(klass)
        [klass, *subclasses_of(klass)].map { |changed| unmark(changed) }.any?
      end

      # After what may have brought methods without a hook for each. Subclasses may have names of their own for them.
      def check_again(klass)
        release_changed(klass)
        reads_releaser = check(klass)
        subclasses_of(klass).each { |heir| check(heir) }
        expose_all(klass) if reads_releaser
      end

      # Has the new `release` of `klass` called for the pointers that a C function was to release, too.
      def release_changed(klass)
        expose_all(klass) if forget(klass) && NativeRelease.address_for(klass).nil?
      end

      # The class that `singleton_class` is of.
      def class_of(singleton_class)
        ObjectSpace.each_object(singleton_class).find do |klass|
          Reflection.same?(Reflection.call(klass, :singleton_class), singleton_class)
        end
      end

      # Gives the pointers of `klass` that exist their `@releaser`.
      def expose_all(klass)
        ObjectSpace.each_object(klass) { |pointer| expose(pointer) }
      end

      # Guards the methods of `owner`, a class or the singleton class of a pointer, that free.
      def guard_free(owner)
        names(owner).each { |name| guard(owner, name) }
      end

      # Guards the new method `name` of `klass`. It may free pointers of a subclass only, which then gets a guard.
      def guard_added(klass, name)
        [klass, *subclasses_of(klass)].each { |heir| guard(heir, name) if names(heir).include?(name) }
      end

      # Guards what the pointers of `klass` that exist can do alone.
      def guard_singletons(klass)
        ObjectSpace.each_object(klass) { |pointer| guard_singleton(pointer) }
      end

      # Guards what `pointer` can do alone. A frozen pointer's methods cannot be replaced any more. Called by the
      # extension, too.
      def guard_singleton(pointer)
        klass = Reflection.call(pointer, :class)
        return if Reflection.call(pointer, :frozen?) || base_of(klass).nil?
        return unless Reflection.call(pointer, :singleton_methods).intersect?(names(klass))

        guard_free(Reflection.call(pointer, :singleton_class))
      end

      # Guards the class method `release` of `klass`.
      def guard_release(klass)
        Wrapper.new(Reflection.call(klass, :singleton_class), :release, :release, @bases.fetch(base_of(klass))).install
      end

      # The name by which the releaser calls the class method `release` of `klass`: past the guard where it can, which
      # is faster. Nil if there is none. Called by the extension.
      def release_behind(klass)
        return unless Reflection.call(klass, :respond_to?, :release, true)

        release = hooked_release(klass)
        (Wrapper.behind(release) if release) || :release
      end

      # The class method `release` of `klass`, or nil where it may become another one without a hook: no hook tells of
      # methods in modules, and a class may have hooks of its own. By `method_missing`, it may have none.
      def hooked_release(klass)
        singleton = Reflection.call(klass, :singleton_class)
        return unless singleton.method_defined?(:release) || singleton.private_method_defined?(:release)
        return unless RELEASE_HOOKS.all? { |hook| Reflection.same?(singleton.instance_method(hook).owner, ClassHooks) }

        owner = singleton.instance_method(:release).owner
        before = singleton.ancestors.take_while { |ancestor| !Reflection.same?(ancestor, owner) }
        owner.instance_method(:release) if [*before, owner].all?(Class)
      end

      # Whether nothing stands between the constructor of the watched class that `klass` descends from and the one
      # that `FFI::Pointer` has in C. Called by the extension. Where the constructor has been given an alias and
      # defined anew, as tools do that watch calls, Ruby does not know.
      def ffis_constructor?(klass)
        base = base_of(klass)
        constructor = base.instance_method(:initialize)
        constructor = constructor.super_method until constructor.owner == base
        inherited = constructor.super_method
        !inherited.nil? && inherited.owner == FFI::Pointer && inherited.source_location.nil?
      end

      def subclasses_of(klass)
        Reflection.call(klass, :subclasses).flat_map { |subclass| [subclass, *subclasses_of(subclass)] }
      end

      private

      def guard(owner, name)
        Wrapper.new(owner, name, :free, [base_of(owner)]).install
      end
    end
  end
end
