# frozen_string_literal: true

require_relative "runner"

module Fuzz
  module Torture
    # What came of the programs, as Markdown. It keeps counts only: all that the process has is collected again in each
    # program, which is a fork of it.
    class Table
      CONTENDERS = {
        auto: "FFI::AutoPointer", safe: "SafePointer", replaced: "FFI::AutoPointer, replaced in place"
      }.freeze
      CAUSES = {
        own: "its own `free` calls the destructor (ffi/ffi#1126)", raises: "its release raises when it has released",
        neither: "neither: another thread, the exit or a fork came into its release"
      }.freeze

      # `command` runs the same again.
      def initialize(command)
        @command = command
        @programs, @faults, @causes = *Array.new(3) { Hash.new(0) }
      end

      def add(on, result)
        @programs[on] += 1
        fault = result.faults.first or return
        @faults[[on, fault.kind]] += 1
        @causes[cause(result)] += 1 if on == :auto && fault.kind == :released_twice
      end

      def to_s
        <<~TEXT
          #{outcomes}
          Of the pointer that FFI::AutoPointer released twice:

          #{table(["", "programs"], CAUSES.map { |name, title| [title, @causes[name]] })}
        TEXT
      end

      # What came of them on each.
      def outcomes
        <<~TEXT
          Ruby #{RUBY_VERSION}, ffi #{FFI::VERSION}, `#{@command}`:

          #{table(["", "programs", *Runner::FAULTS.values, "cut off"], contenders)}
        TEXT
      end

      private

      def table(titles, rows)
        [line(titles), "|---|#{"---:|" * (titles.size - 1)}", *rows.map { |row| line(row) }].join("\n")
      end

      def line(row) = "| #{row.map { |cell| cell.is_a?(Integer) ? grouped(cell) : cell }.join(" | ")} |"

      # 1000 as "1,000".
      def grouped(number) = number.to_s.gsub(/(?<=\d)(?=(\d{3})+\z)/, ",")

      def contenders
        kinds = [*Runner::FAULTS.keys, Runner::CUT_OFF]
        CONTENDERS.map { |on, title| [title, @programs[on], *kinds.map { |kind| @faults[[on, kind]] }] }
      end

      def cause(result)
        made = result.program.all.find { |step| step.makes.to_s == result.faults.first.text }
        type = result.program.all.find { |step| step.makes == made[:class] }
        return :own if type[:free] == :direct

        (made[:by] || type[:release]).start_with?("rais") ? :raises : :neither
      end
    end
  end
end
