# frozen_string_literal: true

require "safe_pointer/guard/hooks"
require "safe_pointer/guard/post"
require "safe_pointer/guard/releaser_variable"

class SafePointer
  # Sees to it that a class's own `free`, and its `release` called by hand, go through the claim, however
  # they got there: by `def`, `define_method`, `alias_method`, a mixin or a singleton method.
  #
  # A class that has neither pays nothing.
  #
  # @api private
  module Guard
    @bases = {}.freeze

    class << self
      # Has the subclasses of `base` guarded, those that exist already included. `pointer_class` is what they
      # wrap, if they are no pointers themselves.
      def watch(base, pointer_class = base)
        @bases = Ractor.make_shareable(@bases.merge(base => [base, pointer_class].uniq))
        base.extend(ClassHooks)
        base.include(InstanceHooks, ReleaserVariable::Hooks)
        subclasses_of(base).each { |klass| check(klass) }
      end

      # The watched class that `klass` descends from.
      def base_of(klass)
        @bases.keys.find { |base| klass <= base }
      end

      def base?(owner)
        @bases.key?(owner)
      end

      # The names under which pointers of `klass` are freed.
      def names(klass)
        return [:free] if base?(klass)

        names(klass.superclass) | (klass.instance_variable_get(:@frees_with) || [])
      end

      # Guards what `klass` and its superclasses define, for the methods that came past the hooks: in a class
      # with a `method_added` of its own, or by `class << self; include ...`. Called by the extension before
      # the first pointer of a class is made, and again after the class has changed.
      #
      # Returns whether the class has code that reads `@releaser`.
      def check(klass)
        base = base_of(klass)
        klass.ancestors.grep(Class).take_while { |ancestor| ancestor < base }.reverse_each do |ancestor|
          guard_free(ancestor)
          guard_release(ancestor)
        end
        ReleaserVariable.read_by?(klass, base)
      end

      # Has `klass` and its subclasses checked again.
      def forget(klass)
        [klass, *subclasses_of(klass)].each { |changed| unmark(changed) }
      end

      # After what may have brought methods without a hook for each.
      def check_again(klass)
        forget(klass)
        expose_all(klass) if check(klass)
      end

      # Gives the pointers of `klass` that exist their `@releaser`.
      def expose_all(klass)
        ObjectSpace.each_object(klass) { |pointer| expose(pointer) }
      end

      # Guards the methods of `owner`, a class or the singleton class of a pointer, that free.
      def guard_free(owner)
        names(owner).each { |name| Post.new(owner, name, :free, [base_of(owner)]).take }
      end

      # Guards the class method `release` of `klass`.
      def guard_release(klass)
        Post.new(klass.singleton_class, :release, :release, @bases.fetch(base_of(klass))).take
      end

      # The name of the class method `release` of `klass` behind its guard, or nil if it has none. Called by the
      # extension.
      def release_behind(klass)
        return unless klass.respond_to?(:release, true)

        singleton = klass.singleton_class
        # By `method_missing`, a class has one as well.
        return :release unless singleton.method_defined?(:release) || singleton.private_method_defined?(:release)

        Post.behind(singleton.instance_method(:release).owner, :release)
      end

      # Whether nothing stands between the constructor of the watched class that `klass` descends from and the one
      # that `FFI::Pointer` has in C. Called by the extension. Where the constructor has been given an alias and
      # defined anew, as tools do that watch calls, Ruby does not tell.
      def ffis_constructor?(klass)
        base = base_of(klass)
        constructor = base.instance_method(:initialize)
        constructor = constructor.super_method until constructor.owner == base
        inherited = constructor.super_method
        !inherited.nil? && inherited.owner == FFI::Pointer && inherited.source_location.nil?
      end

      private

      def subclasses_of(klass)
        klass.subclasses.flat_map { |subclass| [subclass, *subclasses_of(subclass)] }
      end
    end
  end
end
