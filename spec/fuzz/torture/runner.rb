# frozen_string_literal: true

require_relative "../runner"
require_relative "ledger"

module Fuzz
  module Torture
    # Judges by no more than what FFI::AutoPointer and SafePointer both promise: a pointer is released once by the end
    # of the process. Of several faults, a program has the first that is found.
    class Runner < Fuzz::Runner
      FAULTS = {
        released_twice: "released twice", leaked: "leaked", crashed: "crashed", no_progress: "without progress"
      }.freeze
      # In this the two differ by design, so it is counted, and is no fault: SafePointer does not repeat a release that
      # was cut off.
      CUT_OFF = :cut_off

      private

      def judge(run, log, errors, status)
        [twice(errors) || stuck(run, errors) || crash(log, errors, status) || left(run.program, log)].compact
      end

      def fault(kind, text) = Model::Fault.new(kind, text)

      # The oracle has ended the process then.
      def twice(errors)
        name = errors[/^oracle: one release too many: \S+ (\w+)/, 1]
        fault(:released_twice, name) if name
      end

      # Ruby itself ends a process in which all threads wait for each other.
      def stuck(run, errors)
        return fault(:no_progress, run.progress.to_s) if run.progress.is_a?(Symbol)

        fault(:no_progress, "deadlock") if errors.include?("No live threads left. Deadlock?")
      end

      def crash(log, errors, status)
        return fault(:crashed, "#{status}: #{errors.lines.first}") unless status.success?

        fork = log.find { |event| event.first == "forked" && event[2] != "well" }
        fault(:crashed, fork.join(" ")) if fork
      end

      def left(program, log)
        ledger = Ledger.new(program, *split(log))
        return fault(:leaked, ledger.leaked.first) if ledger.leaked.any?

        fault(CUT_OFF, ledger.cut_off.first) if ledger.cut_off.any?
      end
    end
  end
end
