# frozen_string_literal: true

# What bin/coverage prints: of each file, how many lines have run, and those that have not.
#
#   ruby spec/coverage/report.rb ROOT DIRECTORY... [--check=FILE]
#
# Each DIRECTORY is of one Ruby: ruby/ has what record.rb left, of files in ROOT, and rust.lcov is what llvm-cov says of
# Rust. FILE has what need not run, and why.

require "coverage"
require "yaml"

# The lines of one file that can run, and those that have.
Lines = Struct.new(:file, :all, :run) do
  def missed
    all - run
  end

  # Line numbers next to each other, or with nothing between them that can run.
  def ranges
    runs = all.slice_when { |before, after| run.include?(before) != run.include?(after) }
    runs.reject { |lines| run.include?(lines.first) }.map { |lines| lines.first..lines.last }
  end

  def to_s
    share = format("%5.1f %%", 100.0 * (all.size - missed.size) / all.size)
    [share, file, *(ranges.map { |range| range.minmax.uniq.join("-") }.join(", ") unless missed.empty?)].join("  ")
  end
end

# Lines of Ruby, also of files that nothing has loaded.
class RubyLines
  def initialize(root, directories)
    @root = root
    @run = Hash.new { |hash, path| hash[path] = [] }
    directories.flat_map { |directory| Dir["#{directory}/ruby/*"] }.each do |file|
      # A process that was killed may have left a part.
      Marshal.load(File.binread(file)).each { |path, lines| @run[path] |= lines }
    rescue ArgumentError, TypeError, EOFError
      warn "#{file} is not complete."
    end
  end

  def files
    paths = Dir["lib/**/*.rb", base: @root].sort - ["lib/safe_pointer/documentation.rb"]
    paths.map { |path| Lines.new(path, all(path), @run[path]) }
  end

  private

  def all(path)
    stub = Coverage.line_stub(File.join(@root, path))
    stub.each_index.select { |index| stub[index] }.map(&:succ)
  end
end

# Lines of Rust, as lcov has them. A line can run if there is code of it on one of the Rubies.
class RustLines
  def initialize(directories)
    @counts = Hash.new { |files, path| files[path] = Hash.new(0) }
    directories.each { |directory| add(File.read("#{directory}/rust.lcov")) }
  end

  def files
    @counts.map do |path, counts|
      Lines.new(path, counts.keys.sort, counts.keys.select { |line| counts[line].positive? })
    end.sort_by(&:file)
  end

  private

  def add(text)
    text.split(/^end_of_record$/).each do |record|
      path = record[/^SF:(.+)/, 1]
      next unless path&.start_with?("ext/")

      record.scan(/^DA:(\d+),(\d+)/) { |line, count| @counts[path][line.to_i] += count.to_i }
    end
  end
end

# What need not run, by file: a list of entries. Each has the text of its `line`, or the `first` and the `last` of
# several, the `reason`, and `sometimes` where it runs by chance.
class NotRun
  def initialize(root, path)
    @root = root
    @entries = YAML.safe_load_file(path)
  end

  # What is wrong with the list, given what has not run.
  def complaints(files)
    files = files.to_h { |file| [file.file, file] }
    unknown = @entries.keys - files.keys
    unknown.map { |path| "#{path} has no lines that can run." } +
      files.values.flat_map { |file| compare(file, @entries.fetch(file.file, [])) }
  end

  private

  def compare(file, entries)
    text = File.readlines(File.join(@root, file.file), chomp: true).map(&:strip)
    left = file.missed
    faults = entries.map do |entry|
      place = place(text, left, entry)
      fault(entry, place, left).tap { left -= place.to_a }
    end
    faults.compact.map { |fault| "#{file.file}: #{fault}" } +
      left.map { |line| "#{file.file}:#{line} has not run: #{text[line - 1]}" }
  end

  def fault(entry, place, left)
    title = entry["line"] || entry["first"]
    if entry["reason"].to_s.empty? then "#{title} has no reason."
    elsif place.nil? then "#{title} is not there."
    elsif !entry["sometimes"] && (left & place.to_a).empty? then "#{title} has run, so it need not be listed."
    end
  end

  # Where there are several of the same text, the first that has not run.
  def place(text, left, entry)
    first = entry["line"] || entry["first"]
    starts = text.each_index.select { |index| text[index] == first }.map(&:succ)
    places = starts.filter_map do |start|
      length = entry["line"] ? 0 : text.drop(start).index(entry["last"])&.succ
      start..start + length if length
    end
    places.find { |place| !(left & place.to_a).empty? } || places.first
  end
end

check, directories = ARGV.drop(1).partition { |argument| argument.start_with?("--check=") }
root = ARGV.first
files = { "Ruby" => RubyLines.new(root, directories), "Rust" => RustLines.new(directories) }.transform_values(&:files)
files.each do |language, of_language|
  missed, all = [of_language.sum { |file| file.missed.size }, of_language.sum { |file| file.all.size }]
  abort "Nothing was run of #{language}." if missed == all
  puts "", format("%s: %.1f %% of %d lines have run. %d have not:", language, 100.0 * (all - missed) / all, all, missed)
  puts of_language.reject { |file| file.missed.empty? }
end

check.each do |argument|
  path = argument.delete_prefix("--check=")
  complaints = NotRun.new(root, path).complaints(files.values.flatten)
  puts "", complaints.empty? ? "That is what #{path} has." : ["#{path} differs:", *complaints]
  exit 1 unless complaints.empty?
end
