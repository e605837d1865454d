# frozen_string_literal: true

class SafePointer
  module Guard
    # What a guard must know of the parameters of the method it stands before.
    class Signature
      # Whether `arguments`, of a method marked with `ruby2_keywords`, suit a method that takes `count` of them
      # (a Range), needs the keywords `required` and allows no others than `allowed`. `nil` for `required`: it
      # takes no keywords, and gets them as one Hash more. `nil` for `allowed`: it takes any.
      def self.fit?(arguments, count, required, allowed)
        return count.cover?(arguments.size) unless required

        # Not `*positional, last = arguments`: on a new thread Ruby 3.3.8 crashes if that collects.
        last = arguments.last
        keywords = Hash === last && Hash.ruby2_keywords_hash?(last)
        names = keywords ? last.keys : []
        count.cover?(keywords ? arguments.size - 1 : arguments.size) &&
          (required - names).empty? && (allowed.nil? || (names - allowed).empty?)
      end

      # `parameters` is what Method#parameters answers.
      def initialize(parameters)
        @names = parameters.group_by(&:first).transform_values { |pairs| pairs.map(&:last) }
      end

      # Ruby code for the parameters of the guard, and for the arguments it passes on. An exact list is worth
      # having for the common cases, `free` without parameters and `release` with one.
      def list
        if only?(:block) then "&block"
        elsif only?(:req, :block) && names(:req).one? then "pointer, &block"
        else "*arguments, &block"
        end
      end

      def exact?
        !list.start_with?("*")
      end

      # Ruby code for the first argument.
      def first
        return "nil" if only?(:block)

        exact? ? "pointer" : "arguments.first"
      end

      # Ruby code that says whether the arguments suit the method.
      def fit
        exact? ? "true" : "::SafePointer::Guard::Signature.fit?(arguments, #{count}, #{required}, #{allowed})"
      end

      private

      def count
        least = names(:req).size
        any?(:rest) ? "(#{least}..)" : "(#{least}..#{least + names(:opt).size})"
      end

      def required
        keywords = any?(:key) || any?(:keyreq) || any?(:keyrest)
        keywords ? names(:keyreq).inspect : "nil"
      end

      def allowed
        any?(:keyrest) ? "nil" : (names(:keyreq) + names(:key)).inspect
      end

      def only?(*kinds)
        (@names.keys - kinds).empty?
      end

      def any?(kind)
        @names.key?(kind)
      end

      def names(kind)
        @names.fetch(kind, [])
      end
    end
  end
end
