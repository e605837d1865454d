# frozen_string_literal: true

require "fileutils"
require "json"

# Ratios between what was measured in the same rounds, and tables of them. Whose they are has `@results` and `@options`,
# and says by `kind` what the files are called.
module Ratios
  # Saves the figures, and the table. Returns the path, but for what kind of file it is.
  def save(directory)
    FileUtils.mkdir_p(directory)
    path = File.join(directory, "ruby#{RUBY_VERSION[/\d+\.\d+/]}-#{kind}")
    meta = { "ruby" => RUBY_DESCRIPTION, "ffi" => FFI::VERSION, "options" => @options.transform_keys(&:to_s) }
    File.write("#{path}.json", JSON.pretty_generate(meta.merge("results" => @results)))
    File.write("#{path}.md", "#{self}\n")
    path
  end

  private

  # The median, and the middle half in brackets.
  def spread_of(ratios)
    "#{format("%.2f", median(ratios))} (#{middle_half(ratios).map { |ratio| format("%.2f", ratio) }.join("–")})"
  end

  # What was measured first beside what was then, and so on.
  def beside(values, bases)
    values.zip(bases).map { |value, base| value.fdiv(base) }
  end

  def median(values)
    values.sort[values.size / 2]
  end

  # The lowest and the highest of it. Of few values, of all.
  def middle_half(values)
    last = values.size - 1
    values.sort.values_at((last * 0.25).floor, (last * 0.75).ceil)
  end

  # Without blanks in its second row, which rdoc would take for text.
  def table(titles, rows)
    [row(["", *titles]), "|#{["---", *titles.map { "---:" }].join("|")}|", *rows]
  end

  def row(cells)
    "| #{cells.join(" | ")} |"
  end
end
