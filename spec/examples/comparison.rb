# frozen_string_literal: true

require "open3"
require "rbconfig"

# A run of an example that compares FFI::AutoPointer with SafePointer, by the
# table it prints.
class ComparisonOutput
  ROOT = File.expand_path("../..", __dir__)

  attr_reader :output, :status

  def initialize(example)
    program = File.join(ROOT, "examples", example, "run.rb")
    @output, @status = Open3.capture2e(RbConfig.ruby, "-I", File.join(ROOT, "lib"), program)
  end

  def with_auto_pointer(scene) = cell(scene, 1)

  def with_safe_pointer(scene) = cell(scene, 2)

  private

  # The lines of a cell, the first of which has the name of the scene before it.
  def cell(scene, column)
    rule, *rows = @output.lines(chomp: true).drop_while { |line| !line.start_with?("---") }
    edges = rule.to_s.enum_for(:scan, /-+/).map { Regexp.last_match.offset(0) }
    rows = rows.take_while { |line| !line.start_with?("---") }
    first = rows.index { |line| line.start_with?("#{scene}  ") }
    return unless first

    lines = [rows[first], *rows.drop(first + 1).take_while { |line| line.start_with?(" ") }]
    lines.map { |line| line[edges[column].first...edges[column].last].to_s.strip }.reject(&:empty?).join("\n")
  end
end
