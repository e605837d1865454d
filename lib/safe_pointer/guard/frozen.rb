# frozen_string_literal: true

class SafePointer
  module Guard
    # Says what is left as it is because its class is frozen: once, although such a class is looked at again for each
    # of its pointers.
    #
    # @api private
    module Frozen
      # Where each Ractor keeps what it has said, by name: of which classes, for as long as those are there.
      SAID = :__safe_pointer_frozen
      private_constant :SAID

      class << self
        # The method `name` of `owner`, a class or a singleton class, is `what` it is.
        def warn_of(owner, name, what)
          said = (Ractor.current[SAID] ||= {})[name] ||= ObjectSpace::WeakMap.new
          return if said.key?(owner)

          said[owner] = owner
          warn "safe_pointer: #{subject(owner)} is frozen: its #{name} is #{what}"
        end

        private

        def subject(owner)
          return SafePointer.send(:name_of, owner) unless Reflection.call(owner, :singleton_class?)

          object = Guard.class_of(owner)
          return SafePointer.send(:name_of, object) if Class === object

          "the singleton class of a #{SafePointer.send(:name_of, Reflection.call(owner, :superclass))}"
        end
      end
    end
  end
end
