# frozen_string_literal: true

class SafePointer
  module Guard
    # Asks classes and pointers by the methods that Ruby itself has for that. A class of the program may have others of
    # these names for something of its own: a `hash` of data, a `send` to a socket.
    #
    # @api private
    module Reflection
      VARIABLE = Guard.share(Kernel.instance_method(:instance_variable_get))
      SUPERCLASS = Guard.share(Class.instance_method(:superclass))
      private_constant :VARIABLE, :SUPERCLASS

      class << self
        # Calls Ruby's own method `name` of `object`. It is looked up each time, as Ractors share no such methods.
        def call(object, name, *arguments, &block)
          kind = [Class, Module].find { |each| each === object } || Kernel
          kind.instance_method(name).bind_call(object, *arguments, &block)
        end

        def same?(one, other)
          BasicObject.instance_method(:equal?).bind_call(one, other)
        end

        # The classes that `klass` inherits from, and itself.
        def classes(klass)
          call(klass, :ancestors).grep(Class)
        end

        # What `klass`, or else the next superclass that says something, has in `variable`. The block
        # says whether it is something that can be said. Asked for each struct.
        def declared(klass, variable)
          while klass
            value = VARIABLE.bind_call(klass, variable)
            return value if value && yield(value)
            return if Guard.base?(klass)

            klass = SUPERCLASS.bind_call(klass)
          end
        end
      end
    end
  end
end
