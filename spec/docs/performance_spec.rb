# frozen_string_literal: true

require "tmpdir"
require_relative "../../bench/performance_page"

RSpec.describe "The figures in docs/performance.md and docs/diagnostics.md" do
  results = Dir.glob("*.md", base: PerformancePage::RESULTS).to_h do |file|
    [File.basename(file, ".md"), File.read(File.join(PerformancePage::RESULTS, file)).strip]
  end

  it "are those that bin/bench has measured" do
    diagnostics = PerformancePage.new(File.expand_path("../../docs/diagnostics.md", __dir__))
    expect(PerformancePage.new.tables.merge(diagnostics.tables)).to eq results
  end

  it "come from a Ruby with typed pointers and one without" do
    expect(results.keys)
      .to contain_exactly("ruby3.1-time", "ruby3.1-gems", "ruby3.3-time", "ruby3.3-gems", "ruby3.3-trace")
  end

  it "are put in the place of others" do
    page = File.read(PerformancePage::PATH)
    Dir.mktmpdir do |directory|
      path = File.join(directory, "performance.md")
      File.write(path, page.sub(/\d\.\d\d \(.*?\)/, "0.99"))
      expect(PerformancePage.new(path).tables).not_to eq results
      PerformancePage.new(path).insert("ruby3.3-time")
      expect(File.read(path)).to eq page
    end
  end

  # What the README says of Ruby 3.3: rows and columns, and the bounds of the figures there.
  sentences = {
    "to create a pointer with a Ruby release and free it, or leave it to GC, takes less than 0.6 of" =>
      [["create and free", "create and leave to GC"], ["SafePointer, Ruby release"], 0...0.6],
    "with `release_with` about a third" =>
      [["create and free", "create and leave to GC"], ["SafePointer, release_with"], 0.3..0.36],
    "with a `free` of its own takes less than 0.9" =>
      [["free of its own"], ["SafePointer, Ruby release", "SafePointer, release_with"], 0...0.9],
    "A full GC takes less than a quarter of the time" =>
      [["live: full GC"], ["SafePointer, Ruby release", "SafePointer, release_with"], 0...0.25]
  }

  # The medians, by row and by column.
  def medians(table)
    columns, _, *rows = table.lines.grep(/^\|/).slice_when { |_, line| line.start_with?("|  |") }.first
    names = columns.split("|").map(&:strip).drop(2)
    rows.to_h do |row|
      title, *figures = row.split("|").map(&:strip).drop(1)
      [title, names.zip(figures.map(&:to_f)).to_h]
    end
  end

  sentences.each do |sentence, (rows, columns, bounds)|
    it "bear out the README: #{sentence}" do
      readme = File.read(File.expand_path("../../README.md", __dir__))
      expect(readme[/^## Performance.*?^## /m].gsub(/\s+/, " ")).to include sentence

      figures = medians(results.fetch("ruby3.3-time")).values_at(*rows).flat_map { |row| row.values_at(*columns) }
      expect(figures).to all satisfy("be within #{bounds}") { |figure| bounds.cover?(figure) }
    end
  end
end
