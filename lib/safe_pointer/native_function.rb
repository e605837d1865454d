# frozen_string_literal: true

require "objspace"

class SafePointer
  # A C function that takes a pointer, as ffi knows it.
  #
  # @api private
  class NativeFunction
    POINTERS = [
      FFI::Type::POINTER, FFI::Type::STRING, FFI::Type::BUFFER_IN, FFI::Type::BUFFER_OUT, FFI::Type::BUFFER_INOUT
    ].freeze
    private_constant :POINTERS

    # Of the function.
    #
    # @return [Integer]
    attr_reader :address

    # @param klass [Class] that declares it: the messages name it
    # @param given see {NativeRelease::Declaration#release_with}
    def initialize(klass, *given)
      @klass = klass
      function = find(*given)
      @address = function.address
      refuse(ArgumentError, "#{function.inspect} is NULL") if function.null?
      check(function) if function.is_a?(FFI::Function)
      NativeRelease.pin(@address) or refuse(ArgumentError, "#{function.inspect} is in no library")
    end

    private

    def find(*given)
      case given
      in [FFI::Function | FFI::DynamicLibrary::Symbol => function] then function
      in [Module, Symbol | String] then attached(*given)
      else
        refuse(TypeError, "needs a library and the name of a function, an FFI::Function or an " \
                          "FFI::DynamicLibrary::Symbol, not #{given.map(&:inspect).join(", ")}")
      end
    end

    # ffi before 1.16 keeps what is attached in class variables.
    def attached(library, name)
      function = library.attached_functions[name.to_sym] if library.respond_to?(:attached_functions)
      variable = "@@#{name}"
      if function.nil? && variable.match?(/\A@@[[:alpha:]_]\w*\z/) && library.class_variable_defined?(variable)
        function = library.class_variable_get(variable)
      end
      return function if function.is_a?(FFI::Function)

      refuse(ArgumentError, "#{library} has no function #{name.inspect} attached that takes one pointer")
    end

    # What ffi's function is made of can be seen from what it refers to.
    def check(function)
      parts = ObjectSpace.reachable_objects_from(function)
      refuse(TypeError, "#{function.inspect} is made of a Ruby block") if parts.any?(Proc)

      type = parts.grep(FFI::FunctionType).first
      return if type.nil? || (pointer_only?(type.param_types) && !in_memory?(result_type(type)))

      refuse(ArgumentError, "#{function.inspect} does not take one pointer and nothing else")
    end

    def pointer_only?(types)
      types.one? && POINTERS.include?(native(types.first))
    end

    # The caller of a function that returns a struct has to provide the memory for it.
    def in_memory?(type)
      native(type).is_a?(FFI::StructByValue)
    end

    def native(type)
      type.is_a?(FFI::Type::Mapped) ? native(type.native_type) : type
    end

    def result_type(type)
      type.respond_to?(:return_type) ? type.return_type : type.result_type
    end

    def refuse(error, message)
      raise error, "#{@klass}.release_with: #{message}"
    end
  end
  private_constant :NativeFunction
end
