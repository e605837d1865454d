# frozen_string_literal: true

require "safe_pointer/guard/signature"

class SafePointer
  module Guard
    # Writes guards. They are plain methods made from source, not from blocks: a method made from a block
    # cannot be called in another Ractor.
    module Source
      FILE = "#{__FILE__} (guard)".freeze
      # Module's own: that of a pointer class marks the method behind a guard too.
      RUBY2_KEYWORDS = Module.instance_method(:ruby2_keywords)
      private_constant :FILE, :RUBY2_KEYWORDS

      class << self
        # Whether `method` is a guard.
        def guard?(method)
          method.source_location&.first == FILE
        end

        # Defines in `owner` the guard of `method`, which calls on to `target`: the name of a method of the
        # same object, or `super`.
        #
        # Where the arguments do not fit, it calls on without a claim. That raises the ArgumentError that is
        # due, and is no release.
        def define(owner, method, target)
          signature = Signature.new(method.parameters)
          call = "#{target}(#{signature.list})"
          owner.class_eval(<<~RUBY, FILE, 1)
            def #{method.name}(#{signature.list})
              return #{call} unless #{signature.fit} && #{claimable(method, signature)}

              ::SafePointer::Guard.#{method.name}(#{pointer(method, signature)}, #{method.object_id}) { #{call} }
            end
          RUBY
          RUBY2_KEYWORDS.bind_call(owner, method.name) unless signature.exact?
        end

        private

        # The pointer itself, or the one that its class is asked to release.
        def pointer(method, signature)
          method.name == :free ? "self" : signature.first
        end

        # `release` gets the raw pointer where the releaser calls it, and has no claim to make then.
        def claimable(method, signature)
          method.name == :free ? "true" : "::SafePointer === #{pointer(method, signature)}"
        end
      end
    end
  end
end
