# frozen_string_literal: true

require_relative "program"

# The table of an example that compares FFI::AutoPointer with SafePointer.
class ComparisonTable
  def initialize(output)
    @output = output
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

# What such an example has to come to. `releases` has how many there are in each scene, which SafePointer carries out
# once each; `faults` has what goes wrong with FFI::AutoPointer.
RSpec.shared_examples "a comparison" do |name, with_safe_pointer:, releases:, with_auto_pointer:, faults:|
  include_context "with the program of an example", name

  let(:table) { ComparisonTable.new(@output) }

  releases.each do |scene, count|
    it "#{with_safe_pointer}: #{scene}" do
      expect(table.with_safe_pointer(scene)).to eq("all #{count} released, once"), @output
    end
  end

  faults.each do |scene, fault|
    it "#{with_auto_pointer}: #{scene}" do
      expect(table.with_auto_pointer(scene)).to match(fault), @output
    end
  end
end
