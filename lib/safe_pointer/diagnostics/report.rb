# frozen_string_literal: true

class SafePointer
  module Diagnostics
    # What is alive, as a table.
    #
    # @api private
    class Report
      HEADINGS = ["class", "count", "bytes", "oldest", "made at"].freeze
      private_constant :HEADINGS

      # @param live [Array<Live>]
      def initialize(live)
        @live = live
      end

      def to_s
        [summary, *table, *others, *kept].join("\n") << "\n"
      end

      private

      def summary
        count = @live.size
        "safe_pointer: #{count} #{count == 1 ? "pointer is" : "pointers are"} alive in process #{Process.pid}, " \
          "with #{@live.sum(&:size)} bytes of native memory"
      end

      def table
        return [] if @live.empty?

        rows = [HEADINGS, *groups.map { |group| row(group) }]
        widths = rows.transpose.map { |column| column.map(&:length).max }
        ["", *rows.map { |row| line(row, widths) }]
      end

      # Those with the most memory first, then the most numerous.
      def groups
        groups = @live.group_by { |entry| [entry.pointer_class, entry.site] }.values
        groups.sort_by { |group| [-group.sum(&:size), -group.size, SafePointer.send(:name_of, group[0].pointer_class)] }
      end

      def row(group)
        oldest = group.filter_map(&:age).max
        site = group[0].site
        [
          SafePointer.send(:name_of, group[0].pointer_class), group.size.to_s, group.sum(&:size).to_s,
          oldest ? "#{oldest} GCs" : "-", site ? Backtrace.words(site) : "not traced"
        ]
      end

      # Words to the left, numbers to the right.
      def line(row, widths)
        cells = row.zip(widths).each_with_index.map do |(cell, width), index|
          index.between?(1, 3) ? cell.rjust(width) : cell.ljust(width)
        end
        "  #{cells.join("  ")}".rstrip
      end

      def others
        count = SafePointer.stats[:live] - @live.size
        return [] unless count.positive?

        ["", "Not listed: #{count}, which are being released, wait in a queue or cannot be found as there was a Ractor"]
      end

      def kept
        lines = @live.select(&:kept_by).map { |entry| "  #{entry.inspect} by #{entry.kept_by}" }
        lines.empty? ? [] : ["", "Kept alive by their own release callable, so that GC will not release them:", *lines]
      end
    end

    class << self
      private

      # Called by the extension. Nothing may keep the process from releasing what is left: there may be nowhere to write
      # to.
      def report_at_exit
        SafePointer.report
      rescue Exception => error # rubocop:disable Lint/RescueException
        begin
          warn "safe_pointer: the report at exit raised #{SafePointer.send(:describe_error, error)}"
        rescue Exception # rubocop:disable Lint/RescueException
          nil
        end
      end
    end
  end
end
