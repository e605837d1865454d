# frozen_string_literal: true

class SafePointer
  module AutoPointer
    # Put before the methods of ffi's releasers. Those call the release first and only then note that they have; here
    # it is claimed before. Once all are known whose release is under way, each releaser has a successor of ours, and
    # does nothing of its own any more.
    #
    # @api private
    module Handover
      def free
        return super if AutoPointer.claim(self)

        AutoPointer.successor(self)&.free
        nil
      end

      # Releases at GC and at exit: what Ruby calls as the finalizer.
      def call(*arguments)
        return super if autorelease && AutoPointer.claim(self)

        AutoPointer.successor(self, dead: !arguments.empty?)&.call(*arguments)
      end

      def autorelease
        successor = AutoPointer.successor(self)
        successor ? successor.autorelease : super
      end

      # It may get a successor while this runs.
      def autorelease=(on)
        super
        AutoPointer.successor(self)&.autorelease = on
      end

      def instance_variable_get(name)
        successor = AutoPointer.successor(self)
        successor ? successor.instance_variable_get(name) : super
      end

      def instance_variable_set(name, value)
        super
        AutoPointer.successor(self)&.instance_variable_set(name, value)
        value
      end
    end
    private_constant :Handover

    # Whose method `release` calls what the releaser was given.
    CALLING = %i[CallableReleaser Releaser].find { |name| FFI::AutoPointer.const_defined?(name, false) }
                                           .then { |name| FFI::AutoPointer.const_get(name, false) }
    private_constant :CALLING
  end
end
