# frozen_string_literal: true

class SafePointer
  module Diagnostics
    # Where the program is that makes a pointer.
    #
    # Lines of text, as those of `Kernel#caller`: a Thread::Backtrace::Location refers to the method, and so to the
    # object that a singleton method belongs to, which may be a pointer.
    #
    # @api private
    module Backtrace
      # Lines of one backtrace. Deeper ones say little more, and take memory for each pointer.
      DEPTH = 20

      own = [File.dirname(__FILE__, 2), FFI::ManagedStruct.instance_method(:initialize).source_location&.first].compact
      # This library, ffi's structs and what Ruby has of its own in Ruby.
      OWN = Ractor.make_shareable(%r{\A(?:#{Regexp.union(own)}(?:\z|\.rb\z|/)|<internal:)})
      private_constant :DEPTH, :OWN

      class << self
        # The calls that led here, from the one that this library does not make itself.
        #
        # @return [Array<String>] frozen
        def here
          locations = caller_locations(2, DEPTH).drop_while { |location| OWN.match?(location.path) }
          # Ruby says of a method in C, `new` for instance, that it is where it was called from.
          locations.shift while locations.size > 1 && place(locations[0]) == place(locations[1])
          Ractor.make_shareable(locations.map(&:to_s))
        end

        # File and line of a line of {here}, as a warning begins with.
        def place_of(line)
          line[/\A.+?:\d+(?=:in )/] || line
        end

        private

        def place(location)
          [location.path, location.lineno]
        end
      end
    end
    private_constant :Backtrace
  end
end
