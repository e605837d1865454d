# frozen_string_literal: true

# Trials as a table: a row each, scenes kept together, long cells wrapped.
class Table
  HEADINGS = ["Scene", "Base class", "Releases", "How it ended"].freeze
  WIDTHS = [16, 16, 12, 50].freeze
  RULE = WIDTHS.map { |width| "-" * width }.join("  ")

  def initialize(trials)
    @trials = trials
  end

  def to_s
    scenes = @trials.chunk_while { |one, other| one.scene == other.scene }
    blocks = scenes.map { |trials| block(trials) }
    [*row(HEADINGS), RULE, *blocks.flat_map { |lines| [*lines, RULE] }].join("\n")
  end

  private

  def block(trials)
    trials.each_with_index.flat_map do |trial, index|
      row([index.zero? ? trial.scene.title : "", trial.base, trial.releases.join(" "), story(trial)])
    end
  end

  def story(trial)
    lines = [[trial.ending, trial.complaint].compact.join(": ")]
    lines.concat(trial.findings(trial.clean? ? "good" : "bad"))
    lines.concat(testimony(trial)) if trial.scene.witness
    lines.join("\n")
  end

  def testimony(trial)
    return ["#{trial.scene.witness}: nothing to report"] if trial.messages.empty?

    ["#{trial.scene.witness}:", *trial.messages]
  end

  def row(cells)
    columns = cells.zip(WIDTHS).map { |cell, width| wrap(cell, width) }
    height = columns.map(&:size).max
    Array.new(height) do |line|
      columns.zip(WIDTHS).map { |column, width| column.fetch(line, "").ljust(width) }.join("  ").rstrip
    end
  end

  def wrap(text, width)
    text.lines.flat_map { |line| line.scan(/\S.{0,#{width - 1}}(?=\s|\z)|\S{1,#{width}}/) }
  end
end
