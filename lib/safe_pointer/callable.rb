# frozen_string_literal: true

class SafePointer
  # What is said of a release callable.
  #
  # Calls nothing of the program's but the names of classes, as this is said of errors, and at GC.
  #
  # @api private
  module Callable
    LIBRARY = __dir__.freeze
    private_constant :LIBRARY

    class << self
      # The class that the program knows a pointer by: that of the struct, where a ManagedStruct has made it.
      def owner_class(pointer_class, callable)
        return pointer_class unless base?(pointer_class) && Method === callable

        receiver = callable.receiver
        Class === receiver && FFI::Struct >= receiver ? receiver : pointer_class
      end

      # Which method or block it is. `callable` is nil for the `release` of `pointer_class`.
      #
      # @return [String, nil] nil of a block of this library
      def words(callable, pointer_class)
        case callable
        when nil then method_of(pointer_class, :release)
        when Method then method_of(callable.receiver, callable.name == :release_when_due ? :release : callable.name)
        when Proc then block(callable)
        else method_of(callable, :call)
        end
      end

      private

      def base?(klass)
        SafePointer.equal?(klass) || FFI::AutoPointer.equal?(klass)
      end

      def method_of(receiver, name)
        return "#{name_of(receiver)}.#{name}" if Module === receiver

        "#{name_of(Kernel.instance_method(:class).bind_call(receiver))}##{name}"
      end

      # A method of the class's own that had to wait comes as the block of its guard.
      def block(proc)
        file, line = Proc.instance_method(:source_location).bind_call(proc)
        return "a block" unless file
        return "a block at #{file}:#{line}" unless file.start_with?(LIBRARY)
        return unless Guard::Wrapper.made?(file)

        scope = Proc.instance_method(:binding).bind_call(proc)
        method_of(scope.receiver, scope.eval("__method__"))
      end

      def name_of(klass)
        SafePointer.send(:name_of, klass)
      end
    end
  end
  private_constant :Callable
end
