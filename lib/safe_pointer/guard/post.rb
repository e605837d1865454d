# frozen_string_literal: true

require "safe_pointer/guard/signature"

class SafePointer
  module Guard
    # A place where a guard may stand: the method `name` of `owner`.
    #
    # A method that the owner defines itself is moved aside, and a guard of the same name takes its place: the
    # owner still owns the method, and `super` in it goes where it went. In front of a method that the owner has
    # from elsewhere, a mixin that others may use too, the guard is a method of the owner that calls `super`.
    #
    # Guards are plain methods made from source, not from blocks: a method made from a block cannot be called
    # in another Ractor.
    class Post
      FILE = "#{__FILE__} (guard)".freeze
      private_constant :FILE

      # The name under which the method that `owner` defined last as `name` is kept, or nil.
      def self.aside(owner, name)
        asides = owner.private_instance_methods(false).grep(/\A__unguarded_(\d+)_#{Regexp.escape(name)}\z/)
        asides.max_by { |aside| aside[/\d+/].to_i }
      end

      # The name of the method that a guard called `name` of `owner` stands for, or `name` if there is none.
      def self.behind(owner, name)
        guarded = owner.instance_method(name).source_location&.first == FILE
        (aside(owner, name) if guarded) || name
      end

      # `entry` is what the guard asks, `Guard.free` or `Guard.release`; `classes` are those of the objects that
      # it can claim.
      def initialize(owner, name, entry, classes)
        @owner = owner
        @name = name
        @entry = entry
        @classes = classes
      end

      # Puts a guard here, unless there is one, or nothing to guard.
      def take
        return unless defined_as?(:public, :protected, :private)

        method = @owner.instance_method(@name)
        return if guard?(method) || Guard.base?(method.owner)

        visibility = %i[private protected public].find { |candidate| defined_as?(candidate) }
        method.owner.equal?(@owner) ? replace(method, visibility) : stand_before(method, visibility)
      end

      private

      def replace(method, visibility)
        aside = :"__unguarded_#{method.object_id}_#{@name}"
        @owner.alias_method(aside, @name)
        define_guard(@owner, method, aside, visibility)
        @owner.send(:private, aside)
      end

      def stand_before(method, visibility)
        ancestors = @owner.ancestors
        prepended = ancestors.index(method.owner) < ancestors.index(@owner)
        front = prepended ? Module.new : @owner
        define_guard(front, method, :super, visibility)
        @owner.prepend(front) if prepended
      end

      # Where the arguments do not fit, the guard calls on without a claim. That raises the ArgumentError that is
      # due, and is no release. `release` gets the raw pointer where the releaser calls it, and has no claim to
      # make then.
      def define_guard(front, method, target, visibility)
        signature = Signature.new(method.parameters)
        call = "#{target}(#{signature.list})"
        pointer = @entry == :free ? "self" : signature.first
        front.class_eval(<<~RUBY, FILE, 1)
          def #{@name}(#{signature.list})
            return #{call} unless (#{claimable(pointer)}) && #{signature.fit}

            ::SafePointer::Guard.#{@entry}(#{pointer}, #{method.object_id}) { #{call} }
          end
        RUBY
        mark_keywords(front) unless signature.exact?
        front.send(visibility, @name)
      end

      # With Module's own method: that of a pointer class marks the method behind a guard too.
      def mark_keywords(front)
        Module.instance_method(:ruby2_keywords).bind_call(front, @name)
      end

      def claimable(pointer)
        @classes.map { |klass| "::#{klass} === #{pointer}" }.join(" || ")
      end

      def guard?(method)
        method.source_location&.first == FILE
      end

      def defined_as?(*visibilities)
        visibilities.any? { |visibility| @owner.send(:"#{visibility}_method_defined?", @name) }
      end
    end
  end
end
