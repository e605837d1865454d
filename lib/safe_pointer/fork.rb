# frozen_string_literal: true

class SafePointer
  # What becomes of pointers in a forked process.
  module Fork
    # For pointer classes.
    module Policy
      # What a forked process does with the pointers of this class, and of subclasses that do not say otherwise, that
      # were made before the fork: with `:release` GC and exit release them in both processes, as
      # `FFI::AutoPointer` does; with `:discard` they leave them alone in the forked one. An explicit `free` releases
      # in either case. Pointers released by a C function have the policy that was in force when they were made.
      #
      # @overload fork_policy(policy)
      #   @param policy [:release, :discard]
      #   @raise [ArgumentError] if it is something else
      # @return [Symbol] the policy in force
      def fork_policy(policy = nil)
        unless [nil, :release, :discard].include?(policy)
          raise ArgumentError, "#{self}.fork_policy: must be :release or :discard, not #{policy.inspect}"
        end

        if policy
          @fork_policy = policy
          Guard.forget(self)
        end
        Fork.declared_by(self) || :release
      end
    end

    # What `klass` says, or else the next superclass that says something. `nil` if none does. Called by the extension,
    # also with classes of owners that are no pointers.
    #
    # @api private
    def self.declared_by(klass)
      return unless Policy === klass

      Guard::Reflection.declared(klass, :@fork_policy) { |value| %i[release discard].include?(value) }
    end

    # Ruby calls this for each of its ways to fork, and not for `Process.daemon`, which goes on as the same process.
    #
    # @api private
    def _fork
      super.tap do |pid|
        next unless pid.zero?

        SafePointer.send(:forked)
        ReleaseQueue.const_get(:Worker).forked
      end
    end
  end
end
