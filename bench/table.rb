# frozen_string_literal: true

require "fileutils"
require "json"

# What the contenders cost, as ratios to FFI::AutoPointer.
class Table
  BASE = "auto_pointer"

  def initialize(results, options)
    @results = results
    @options = options
  end

  def to_s
    [title, "", row(["", *columns.map { |name| Contenders.all.fetch(name).title }]), rule, *lines].join("\n")
  end

  # Saves the figures, and the table.
  def save(directory)
    FileUtils.mkdir_p(directory)
    name = "ruby#{RUBY_VERSION}-#{@options[:instructions] ? "instructions" : "time"}"
    File.write(File.join(directory, "#{name}.json"), JSON.pretty_generate(meta.merge("results" => @results)))
    File.write(File.join(directory, "#{name}.md"), "#{self}\n")
    warn "Saved as tmp/bench/#{name}.json and .md"
  end

  private

  def title
    what = @options[:instructions] ? "Instructions" : "Processor time"
    "#{what} beside FFI::AutoPointer, Ruby #{RUBY_VERSION}, ffi #{FFI::VERSION}" \
      "#{": median of #{@options[:rounds]}, lowest to highest in brackets" unless @options[:instructions]}"
  end

  def meta
    { "ruby" => RUBY_DESCRIPTION, "ffi" => FFI::VERSION, "options" => @options.transform_keys(&:to_s) }
  end

  def columns
    Contenders.all.keys
  end

  def lines
    @results.map do |workload, values|
      base = median(values[BASE]) if values.key?(BASE)
      row([workload, *columns.map { |name| cell(values[name], base) if values.key?(name) }])
    end
  end

  # Without AutoPointer to compare with, the figure itself.
  def cell(values, base)
    return if values.empty?

    ratios = base ? values.map { |value| value / base } : values
    middle = format(base ? "%.2f" : "%.3g", median(ratios))
    return middle if values.one?

    "#{middle} (#{ratios.minmax.map { |ratio| format(base ? "%.2f" : "%.3g", ratio) }.join("–")})"
  end

  def median(values)
    values.sort[values.size / 2]
  end

  def row(cells)
    "| #{cells.join(" | ")} |"
  end

  def rule
    row(["---", *columns.map { "---:" }])
  end
end
