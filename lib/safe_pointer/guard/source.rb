# frozen_string_literal: true

class SafePointer
  module Guard
    # Writes guards. They are plain methods made from source, not from blocks: a method made from a block
    # cannot be called in another Ractor, and hides how many arguments it takes.
    module Source
      FILE = "#{__FILE__} (guard)".freeze
      private_constant :FILE

      module_function

      # Whether `method` is a guard.
      def guard?(method)
        method.source_location&.first == FILE
      end

      # Defines in `owner` the guard of `method`, which calls on to `target`: the name of a method of the
      # same object, or `super`.
      #
      # The guard calls on without a claim where the arguments do not fit: that raises the ArgumentError that
      # is due, and is no release.
      def define(owner, method, target)
        required = method.arity if method.arity >= 0 && method.parameters.all? { |kind,| kind == :req }
        parameters, arguments =
          case required
          when 0 then ["&block", "&block"]
          when 1 then ["first, &block", "first, &block"]
          else ["*rest, **options, &block"] * 2
          end
        first = required == 1 ? "first" : "rest.first"
        fits = required && required < 2 ? "true" : fits(method.parameters)
        owner.class_eval(<<~RUBY, FILE, 1)
          def #{method.name}(#{parameters})
            #{guard(method, "#{target}(#{arguments})", first, fits)}
          end
        RUBY
      end

      def guard(method, call, first, fits)
        guarded = "::SafePointer::Guard.#{method.name}(%s, #{method.object_id}) { #{call} }"
        if method.name == :free
          "#{fits} ? #{format(guarded, "self")} : #{call}"
        else
          "::SafePointer === #{first} && #{fits} ? #{format(guarded, first)} : #{call}"
        end
      end

      # Ruby code that says whether `rest` and `options` suit `parameters` (as of Method#parameters).
      def fits(parameters)
        names = ->(*kinds) { parameters.filter_map { |kind, name| name if kinds.include?(kind) } }
        count = ->(kind) { parameters.count { |candidate,| candidate == kind } }
        least = count[:req]
        most = least + count[:opt] if count[:rest].zero?
        keywords = names[:keyreq, :key]

        conditions = []
        given = "rest.size"
        if keywords.empty? && count[:keyrest].zero?
          given = "(rest.size + (options.empty? ? 0 : 1))" # keywords arrive as a Hash
        else
          conditions << "(#{names[:keyreq].inspect} - options.keys).empty?"
          conditions << "(options.keys - #{keywords.inspect}).empty?" if count[:keyrest].zero?
        end
        conditions << (most ? "#{given}.between?(#{least}, #{most})" : "#{given} >= #{least}")
        "(#{conditions.join(" && ")})"
      end
      private_class_method :guard, :fits
    end
  end
end
