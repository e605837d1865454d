# frozen_string_literal: true

# Ratios between what was measured in the same rounds, and tables of them.
module Ratios
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
