# frozen_string_literal: true

class SafePointer
  module Diagnostics
    # Where the program is that makes a pointer.
    #
    # What is kept of a call is path, line and label: a Thread::Backtrace::Location refers to the method, and so to the
    # object that a singleton method belongs to, which may be a pointer. Lines of text, as those of `Kernel#caller`,
    # take most of the time and memory, and are made when somebody asks.
    #
    # @api private
    module Backtrace
      # Calls of one backtrace. Deeper ones say little more, and take memory for each pointer.
      DEPTH = 20

      own = [File.dirname(__FILE__, 2), FFI::ManagedStruct.instance_method(:initialize).source_location&.first].compact
      # This library, ffi's structs and what Ruby has of its own in Ruby. In bytes: a path may be in any encoding, or in
      # none.
      OWN = Ractor.make_shareable(%r{\A(?:#{Regexp.union(own.map(&:b))}(?:\z|\.rb\z|/)|<internal:)}n)
      # What Ruby has before a label: ` or, since 3.4, '.
      QUOTE = caller_locations(0, 1).first.to_s.b[/.*:in (.)/mn, 1].force_encoding(Encoding::UTF_8).freeze
      private_constant :DEPTH, :OWN, :QUOTE

      class << self
        # The calls that led to the caller: path, line and label of each, one after the other. What has none of its own,
        # as a method in C that a thread begins with, is its text, nil and nil.
        #
        # @return [Array<String, Integer, nil>] frozen
        def frames
          frames = []
          caller_locations(2, DEPTH).each do |location|
            path = location.path
            # Since 3.4, Ruby makes a label anew for whoever asks. Each is kept once.
            path ? frames.push(path, location.lineno, -location.label) : frames.push(-location.to_s, nil, nil)
          end
          frames.freeze
        end

        # {frames} as text, from the call that this library does not make itself.
        #
        # @return [Array<String>] frozen
        def lines(frames)
          calls = frames.each_slice(3).drop_while { |path,| OWN.match?(path.b) }
          # Ruby says of a method in C, `new` for instance, that it is where it was called from.
          calls.shift while calls.size > 1 && place(*calls[0]) == place(*calls[1])
          Ractor.make_shareable(calls.map { |call| text(*call) })
        end

        # The call that led here, as the first of {lines}.
        def site
          lines(frames).first
        end

        # A line of text, in an encoding that can be put together with others.
        def words(line)
          SafePointer.send(:first_line, line)
        end

        # File and line of a line of text, as a warning begins with.
        def place_of(line)
          line = words(line)
          line[/\A.+?:\d+(?=:in )/] || line
        end

        private

        def place(path, line, _label)
          [path, line] if line
        end

        # As Thread::Backtrace::Location#to_s.
        def text(path, line, label)
          return path unless line

          path, label = path.b, label.b unless Encoding.compatible?(path, label)
          "#{path}#{":#{line}" unless line.zero?}:in #{QUOTE}#{label}'"
        end
      end
    end
    private_constant :Backtrace
  end
end
