# frozen_string_literal: true

require_relative "ffi_1126/trial"

# Scenes side by side, with FFI::AutoPointer and with SafePointer, a row each.
class Comparison
  # +expected+: what must become of it with FFI::AutoPointer, if that is no
  # matter of luck.
  Scene = Struct.new(:file, :title, :expected)

  BASES = %w[FFI::AutoPointer SafePointer].freeze
  WIDTHS = [36, 48, 24].freeze

  # +scenes+: what they are called, by file, and what is expected of FFI::AutoPointer.
  def initialize(directory, scenes)
    @scenes = scenes.map { |file, (title, expected)| Scene.new(File.join(directory, file), title, expected) }
  end

  # Prints the table, and exits with 1 if it is not as claimed.
  def present
    trials = @scenes.map { |scene| BASES.map { |base| Trial.new(scene, base).run } }
    lacking = trials.flatten.filter_map(&:unavailable).uniq
    abort lacking.join("\n") unless lacking.empty?

    puts row("", *BASES), rule, trials.map { |pair| row(pair.first.scene.title, *pair.map { |trial| outcome(trial) }) },
         rule, ""
    surprises = trials.flatten.reject { |trial| as_claimed?(trial) }
    surprises.each { |trial| puts "Unexpected: #{trial.scene.title}, with #{trial.base}: see the table." }
    exit false unless surprises.empty?
  end

  private

  def as_claimed?(trial)
    return trial.clean? && trial.released_once? if trial.base == "SafePointer"

    trial.scene.expected.nil? || outcome(trial).match?(trial.scene.expected)
  end

  def outcome(trial)
    faults = [*findings(trial), *trial.messages, *wrong_releases(trial)]
    faults << [trial.ending, trial.complaint].compact.join(": ") unless trial.ending == "exit 0" && !trial.complaint
    faults.empty? ? "all #{trial.releases.size} released, once" : faults.join("\n")
  end

  def findings(trial)
    trial.findings("bad").tally.map { |finding, times| times == 1 ? finding : "#{finding} (#{times} times)" }
  end

  def wrong_releases(trial)
    never = trial.releases.count(0)
    [("#{trial.released_twice} released twice" if trial.released_twice.positive?),
     ("#{never} of #{trial.releases.size} never released" if never.positive?)].compact
  end

  def row(*cells)
    columns = cells.zip(WIDTHS).map { |cell, width| cell.scan(/\S.{0,#{width - 1}}(?=\s|\z)|\S{1,#{width}}/) }
    Array.new(columns.map(&:size).max) do |line|
      columns.zip(WIDTHS).map { |column, width| column.fetch(line, "").ljust(width) }.join("  ").rstrip
    end
  end

  def rule
    WIDTHS.map { |width| "-" * width }.join("  ")
  end
end
