# frozen_string_literal: true

class SafePointer
  module Guard
    # Finds the classes whose code reads `@releaser`, an instance variable that `FFI::AutoPointer` has: their
    # pointers are given one. It costs every pointer that has it an entry in a table of the whole process, so
    # the others do without.
    module ReleaserVariable
      module_function

      # Whether a method of `klass`, or of a class or module between it and `base`, reads it.
      def read_by?(klass, base)
        klass.ancestors.take_while { |ancestor| ancestor != base }.any? do |ancestor|
          names = ancestor.instance_methods(false) + ancestor.private_instance_methods(false)
          names.any? { |name| mentioned_in?(ancestor.instance_method(name)) }
        end
      end

      # A Ruby that cannot show its code gives every subclass with Ruby methods the variable.
      def mentioned_in?(method)
        return !method.source_location.nil? unless defined?(RubyVM::InstructionSequence)

        RubyVM::InstructionSequence.of(method)&.disasm&.include?(":@releaser") || false
      end
      private_class_method :mentioned_in?
    end
  end
end
