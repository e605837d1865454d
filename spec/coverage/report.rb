# frozen_string_literal: true

# What bin/coverage prints: of each file, how many lines have run, and those that have not.
#
#   ruby spec/coverage/report.rb ROOT DIRECTORY LCOV
#
# DIRECTORY has what record.rb left, of files in ROOT; LCOV is what llvm-cov says of Rust.

require "coverage"

# The lines of one file that can run, and those that have.
Lines = Struct.new(:file, :all, :run) do
  def missed
    all - run
  end

  # Line numbers next to each other, or with nothing between them that can run, as "3-5".
  def ranges
    runs = all.slice_when { |before, after| run.include?(before) != run.include?(after) }
    runs.reject { |lines| run.include?(lines.first) }.map { |lines| [lines.first, lines.last].uniq.join("-") }
  end

  def to_s
    share = format("%5.1f %%", 100.0 * (all.size - missed.size) / all.size)
    [share, file, *(ranges.join(", ") unless missed.empty?)].join("  ")
  end
end

# Lines of Ruby, also of files that nothing has loaded.
class RubyLines
  def initialize(root, directory)
    @root = root
    @run = Hash.new { |hash, path| hash[path] = [] }
    Dir["#{directory}/*"].each do |file|
      # A process that was killed may have left a part.
      Marshal.load(File.binread(file)).each { |path, lines| @run[path] |= lines }
    rescue ArgumentError, TypeError, EOFError
      warn "#{file} is not complete."
    end
  end

  def files
    paths = Dir["#{@root}/lib/**/*.rb"].sort.reject { |path| path.end_with?("/documentation.rb") }
    paths.map { |path| Lines.new(path.delete_prefix("#{@root}/"), all(path), @run[path]) }
  end

  private

  def all(path)
    stub = Coverage.line_stub(path)
    stub.each_index.select { |index| stub[index] }.map(&:succ)
  end
end

# Lines of Rust, as lcov has them.
class RustLines
  def initialize(root, text)
    @root = root
    @text = text
  end

  def files
    @text.split(/^end_of_record$/).filter_map do |record|
      path = record[/^SF:(.+)/, 1]
      next unless path&.start_with?("#{@root}/ext/")

      lines = record.scan(/^DA:(\d+),(\d+)/).map { |line, count| [line.to_i, count.to_i] }.sort
      Lines.new(path.delete_prefix("#{@root}/"), lines.map(&:first), lines.select { |_, n| n.positive? }.map(&:first))
    end.sort_by(&:file)
  end
end

root, directory, lcov = ARGV
{ "Ruby" => RubyLines.new(root, directory), "Rust" => RustLines.new(root, File.read(lcov)) }.each do |language, lines|
  files = lines.files
  missed, all = [files.sum { |file| file.missed.size }, files.sum { |file| file.all.size }]
  abort "Nothing was run of #{language}." if missed == all
  puts "", format("%s: %.1f %% of %d lines have run. %d have not:", language, 100.0 * (all - missed) / all, all, missed)
  puts files.reject { |file| file.missed.empty? }
end
