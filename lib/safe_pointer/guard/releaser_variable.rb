# frozen_string_literal: true

class SafePointer
  module Guard
    # Sees to it that code which reads `@releaser`, an instance variable that `FFI::AutoPointer` has, finds it.
    # It costs every pointer that has it an entry in a table of the whole process, so the others do without.
    module ReleaserVariable
      # For single pointers: the ways to the variable that lead past the code of their class.
      module Hooks
        def instance_eval(*)
          Guard.expose(self)
          super
        end

        def instance_exec(*)
          Guard.expose(self)
          super
        end

        def instance_variables
          Guard.expose(self)
          super
        end

        def instance_variable_defined?(name)
          Guard.expose(self)
          super
        end
      end

      class << self
        # Whether a method of `klass`, or of a class or module between it and `base`, reads it.
        def read_by?(klass, base)
          ancestors = Reflection.call(klass, :ancestors)
          ancestors.take_while { |ancestor| !Reflection.same?(ancestor, base) }.any? do |ancestor|
            names = %i[instance_methods private_instance_methods].flat_map do |kind|
              Reflection.call(ancestor, kind, false)
            end
            names.any? { |name| reads?(Reflection.call(ancestor, :instance_method, name)) }
          end
        end

        # Whether `method` reads it. A Ruby that cannot show its code is taken to. A guard does not, and Ruby 3.1 keeps
        # for ever a part of what it shows. `of` would answer with an object of the Ractor that was the first to ask.
        def reads?(method)
          return false if Wrapper.made?(method.source_location&.first)
          return true unless defined?(RubyVM::InstructionSequence)

          code = RubyVM::InstructionSequence.disasm(method)
          code ? code.include?(":@releaser") : accessor?(method)
        end

        private

        def accessor?(method)
          %i[releaser releaser=].include?(method.original_name)
        end
      end
    end
  end
end
