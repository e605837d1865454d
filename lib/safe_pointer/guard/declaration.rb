# frozen_string_literal: true

class SafePointer
  module Guard
    # For pointer classes.
    #
    # @api public
    module Declaration
      # Declares that pointers of this class are freed under other names too. Each of these methods is then a
      # release like a `free` of the class's own: it runs at most once, and GC and exit do nothing afterwards.
      #
      # The methods may be inherited, come from a mixin or be defined later. Subclasses inherit the names.
      #
      # @param names [Array<Symbol, String>]
      # @raise [ArgumentError] if one of them cannot be a method's name in Ruby code, or this is no subclass
      # @return [void]
      def frees_with(*names)
        raise ArgumentError, "#{self}.frees_with: declare it in a subclass" if Guard.base?(self)

        names.each do |name|
          next if (name.is_a?(Symbol) || name.is_a?(String)) && name.match?(/\A[[:alpha:]_]\w*[!?]?\z/)

          raise ArgumentError, "#{self}.frees_with: #{name.inspect} is no method name"
        end

        Guard.add_names(self, names.map(&:to_sym))
        Guard.check_again(self)
        Guard.guard_singletons(self)
      end
    end
  end
end
