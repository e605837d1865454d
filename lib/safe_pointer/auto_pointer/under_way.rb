# frozen_string_literal: true

require "objspace"

class SafePointer
  module AutoPointer
    # The releases that ffi's own `free` has begun. Only the stacks they run on know of them: there is a frame of that
    # method, and a reference to the releaser.
    #
    # What a finalizer has begun is not looked for. It was the last to know of the releaser.
    #
    # @api private
    module UnderWay
      # Where ffi's `free` is. To be looked up before {Handover} takes the place of ffi's.
      PLACE = FFI::AutoPointer::Releaser.instance_method(:free).source_location.freeze
      # Its lines: up to the method behind it, `call`. A function in C has the place that it is called from, and a
      # release named `free` is called from a line further down.
      LINES = PLACE.last...FFI::AutoPointer::Releaser.instance_method(:call).source_location.last
      private_constant :PLACE, :LINES

      class << self
        # @return [Hash{FFI::AutoPointer::Releaser => Boolean}] whose release may be under way, and whether that is sure
        def all
          runners.each_with_object({}.compare_by_identity) do |runner, all|
            calls = (runner.backtrace_locations || []).count { |location| free?(location) }
            next if calls.zero?

            found = referred_by(runner).grep(FFI::AutoPointer::Releaser)
            # A stack may refer to others as well, that are being made for instance.
            found.each { |releaser| all[releaser] ||= found.size <= calls }
          end
        end

        private

        # Threads, and fibers that are suspended.
        def runners
          found = {}.compare_by_identity
          [*Thread.list, Fiber.current, *ObjectSpace.each_object(Fiber)].each { |runner| follow(runner, found) }
          found.keys
        end

        # Once there was a Ractor, Ruby tells of no fibers. Their threads and each other refer to them.
        def follow(runner, found)
          return if found.key?(runner)

          found[runner] = true
          referred_by(runner).grep(Fiber) { |fiber| follow(fiber, found) }
        end

        def free?(location)
          location.base_label == "free" && LINES.cover?(location.lineno) && location.path == PLACE.first
        end

        def referred_by(runner)
          ObjectSpace.reachable_objects_from(runner) || []
        end
      end
    end
    private_constant :UnderWay
  end
end
