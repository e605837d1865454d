# frozen_string_literal: true

module Fuzz
  module Torture
    # Which pointers a program and the processes that it forked have left at their end, by the log.
    class Ledger
      # `leaked` are the names of those that should have been released. `cut_off` are those whose `free` had begun: the
      # exit has ended its thread, or its fiber was never resumed.
      attr_reader :leaked, :cut_off

      def initialize(program, events, forks)
        @steps = program.all.to_h { |step| [step.number.to_s, step] }
        @leaked = []
        @cut_off = []
        add(made(events) - released(events), events)
        forks.each { |name, log| add_fork(name.delete_prefix("p"), log, events) }
      end

      private

      def add(left, events)
        @cut_off.concat(left & unfinished(events))
        @leaked.concat(left - unfinished(events))
      end

      # Ruby may call no finalizers in a process that was forked while there were other threads: it is not judged.
      def add_fork(number, log, events)
        before = events.take(events.index(["begin", number]))
        return if before.any? { |event| event.first == "begin" && step(event).operation == :thread }

        until_forked = events.take(events.index { |event| event.take(2) == ["end", number] } || events.size)
        add([*made(before) - released(until_forked), *made(log)] - released(log), [*before, *log])
      end

      def step(event) = @steps.fetch(event[1])

      # A constructor that did not return owns nothing.
      def made(events)
        done = events.select { |event| event.first == "end" && event[2].start_with?("=") }
        done.map { |event| step(event) }.select { |step| step.operation == :make }.map { |step| step.makes.to_s }
      end

      def released(events) = events.select { |event| event.first == "released" }.map { |event| event[1] }

      # Those whose `free` did not come to its end.
      def unfinished(events)
        ended = events.select { |event| event.first == "end" && event[2] != "left" }.map { |event| event[1] }
        begun = events.select { |event| event.first == "begin" && !ended.include?(event[1]) }
        begun.map { |event| step(event) }.select { |step| step.operation == :free_it }.map { |step| step[:of].to_s }
      end
    end
  end
end
