# frozen_string_literal: true

class SafePointer
  module Diagnostics
    # Whether a release callable refers to what it is to release: then it keeps that alive, and GC never has it
    # released.
    #
    # Only what is sure is said: `self` of a block and the receiver of a method, and what these have in instance
    # variables; local variables that a block sees. What modules and the main object refer to lives for ever anyway.
    #
    # @api private
    module Capture
      class << self
        # What is `self` for `callable`, or nil if there is none, or Ruby does not know.
        def receiver(callable)
          case callable
          when Method then callable.receiver
          when Proc then binding_of(callable)&.receiver
          end
        end

        # By what `callable` refers to `owner`, in words; nil if it does not.
        def way(callable, owner)
          self_of(callable, owner) || local_variable(callable, owner)
        rescue Ractor::IsolationError
          # The main object belongs to the main Ractor.
          nil
        end

        private

        def self_of(callable, owner)
          receiver = receiver(callable)
          return "self" if owner.equal?(receiver)
          return if Module === receiver || TOPLEVEL_BINDING.receiver.equal?(receiver)

          name = instance_variables(receiver).find { |variable| owner.equal?(read(receiver, variable)) }
          "#{name} of its self" if name
        end

        # Those of the main program live as long as the process.
        def local_variable(callable, owner)
          scope = binding_of(callable) if Proc === callable
          return if scope.nil? || TOPLEVEL_BINDING.receiver.equal?(scope.receiver)

          name = scope.local_variables.find { |variable| owner.equal?(scope.local_variable_get(variable)) }
          "the local variable #{name}" if name
        end

        # Of a Proc made in C, or isolated for a Ractor, there is none.
        def binding_of(callable)
          callable.binding
        rescue ArgumentError
          nil
        end

        def instance_variables(object)
          Kernel.instance_method(:instance_variables).bind_call(object)
        end

        def read(object, variable)
          Kernel.instance_method(:instance_variable_get).bind_call(object, variable)
        end
      end
    end
    private_constant :Capture
  end
end
