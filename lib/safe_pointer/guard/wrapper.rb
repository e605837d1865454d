# frozen_string_literal: true

require "safe_pointer/guard/frozen"
require "safe_pointer/guard/signature"
require "safe_pointer/guard/test_double"

class SafePointer
  module Guard
    # The guard of the method `name` of `owner`.
    #
    # A guard takes the place of a method that the owner defines itself: the owner still owns the method, and `super` in
    # it goes where it went. In front of a method that the owner has from elsewhere, a mixin that others may use too,
    # the guard is a method of the owner that calls `super`.
    #
    # The first method of a name is moved aside, and called by its new name, which is faster than anything else. The
    # guard of one that is defined later holds it. So each guard calls the same method for ever, also under another
    # name, or taken out and put back; and what is defined again and again leaves neither names nor methods behind.
    class Wrapper
      FILE = "#{__FILE__} (guard".freeze
      private_constant :FILE

      class << self
        # Whether the code in `file` is that of a guard.
        def made?(file)
          file&.start_with?(FILE) || false
        end

        # Another name of the first method `name` of `owner`. It is in no other class that `owner` inherits from, or
        # that inherits from it.
        def aside(owner, name)
          :"__unguarded_#{Reflection.classes(owner).size}_#{name}"
        end

        # Another name of the last one that was defined later.
        def held(owner, name)
          :"#{aside(owner, name)}_held"
        end

        # What the method `name` of `owner` is called too, if there is a guard in its place.
        def other_name(owner, name)
          method = Reflection.call(owner, :instance_method, name)
          return unless made?(method.source_location&.first)

          [behind(method), held(owner, name)].find do |other|
            other && Reflection.call(owner, :private_method_defined?, other, false)
          end
        end

        # The name by which `method`, if it is a guard, calls the one it stands before. The file says it, as a guard may
        # come to other names and owners.
        def behind(method)
          file = method.source_location&.first
          file[/(?<= of )__unguarded_\S+(?=\)\z)/]&.to_sym if made?(file)
        end
      end

      # `entry` is what the guard asks, `Guard.free` or `Guard.release`; `classes` are those of the objects that
      # it can claim.
      def initialize(owner, name, entry, classes)
        @owner = owner
        @name = name
        @entry = entry
        @classes = classes
      end

      # Defines it, unless there is one, or nothing to guard. Nothing can be put into a frozen class.
      def install
        visibility = %i[private protected public].find { |candidate| defined_as?(candidate) }
        return unless visibility

        method = Reflection.call(@owner, :instance_method, @name)
        return if guard?(method) || TestDouble === method || Guard.base?(method.owner)
        return Frozen.warn_of(@owner, @name, "not guarded") if Reflection.call(@owner, :frozen?)

        of_its_own?(method) ? replace(method, visibility) : stand_before(method, visibility)
      end

      private

      # An alias of what a superclass or a mixin has is still theirs in the hook that says so, and is listed already.
      def of_its_own?(method)
        return true if Reflection.same?(method.owner, @owner)

        own = %i[instance_methods private_instance_methods].flat_map { |list| Reflection.call(@owner, list, false) }
        own.include?(@name) && Reflection.same?(places_of(method).first, @owner)
      end

      # The owner and that of the method, in the order in which Ruby looks.
      def places_of(method)
        Reflection.call(@owner, :ancestors).select do |each|
          [method.owner, @owner].any? { |place| Reflection.same?(each, place) }
        end
      end

      def replace(method, visibility)
        aside = Wrapper.aside(@owner, @name)
        is_first = !Reflection.call(@owner, :private_method_defined?, aside, false)
        # Of a method with two names, Ruby does not warn that it is redefined.
        aside = Wrapper.held(@owner, @name) unless is_first
        Reflection.call(@owner, :alias_method, aside, @name)
        define_guard(@owner, method, (aside if is_first), visibility)
        Reflection.call(@owner, :private, aside)
      end

      def stand_before(method, visibility)
        prepended = !Reflection.same?(places_of(method).first, @owner)
        front = prepended ? Module.new : @owner
        define_guard(front, method, "super", visibility)
        Reflection.call(@owner, :prepend, front) if prepended
      end

      # Where the arguments do not fit, the guard calls on without a claim. That raises the ArgumentError that is
      # due, and is no release. `release` gets the raw pointer where the releaser calls it, and has no claim to
      # make then.
      def define_guard(front, method, target, visibility)
        signature = Signature.new(method.parameters)
        call = target ? "#{target}(#{signature.list})" : "held.bind_call(self, #{signature.list})"
        pointer = @entry == :free ? "self" : signature.first
        body = <<~RUBY
          return #{call} unless (#{claimable(pointer)}) && #{signature.fit}

          ::SafePointer::Guard.#{@entry}(#{pointer}, #{method.object_id}) { #{call} }
        RUBY
        file = target ? "#{FILE} of #{target})" : "#{FILE})"
        if target && signature.exact?
          Reflection.call(front, :class_eval, "def #{@name}(#{signature.list})\n#{body}end", file, 1)
        else
          Reflection.call(front, :define_method, @name, &block_for(signature, body, file, (method unless target)))
        end
        Reflection.call(front, visibility, @name)
      end

      # A block that takes keywords through a splat is marked before it is a method: in the place of that another thread
      # may have put another one.
      #
      # A method made from a block that Ractors do not share can be called in one of them only.
      def block_for(signature, body, file, held)
        holder = Wrapper.instance_eval("->(held) { lambda { |#{signature.list}|\n#{body}} }", file, 1)
        block = holder.call(held && Guard.share(held))
        block.ruby2_keywords unless signature.exact?
        Ractor.make_shareable(block)
      end

      def claimable(pointer)
        @classes.map { |klass| "::#{klass} === #{pointer}" }.join(" || ")
      end

      def guard?(method)
        Wrapper.made?(method.source_location&.first)
      end

      def defined_as?(*visibilities)
        visibilities.any? { |visibility| Reflection.call(@owner, :"#{visibility}_method_defined?", @name) }
      end
    end
  end
end
