# frozen_string_literal: true

require_relative "ratios"

# What the contenders cost, as ratios to what FFI::AutoPointer does in the same turn.
class Table
  include Ratios

  BASE = "auto_pointer"

  # What FFI::AutoPointer cannot do, and what it does meanwhile.
  BESIDE = {
    "with a parent, and free" => "create and free",
    "left to GC with a queue" => "create and leave to GC"
  }.freeze

  # The workloads that differ in the number of pointers only.
  GROWTH = / at once\z/

  # 1000000 as "1,000,000".
  def self.number(count)
    count.to_s.gsub(/(?<=\d)(?=(\d{3})+\z)/, ",")
  end

  # `results`: what was measured, in the order of the rounds, by workload and contender.
  def initialize(results, options)
    @results = results
    @options = options
  end

  def to_s
    titles = columns.map { |name| Contenders.all.fetch(name).title }
    [["#{title}#{spread}:", "", *table(titles, lines)], growth, cost_of_require].compact.flatten.join("\n")
  end

  def title
    what = @options[:instructions] ? "Instructions" : "Processor time and memory"
    "#{what} beside FFI::AutoPointer, Ruby #{RUBY_VERSION}, ffi #{FFI::VERSION}"
  end

  # The median, or nil where there is nothing to compare.
  def ratio(workload, contender)
    values = @results.dig(workload, contender)
    median(beside(values, @results[workload][BASE])) if values
  end

  private

  def kind = @options[:instructions] ? "instructions" : "time"

  def spread
    " (median; in brackets, the middle half)" unless @options[:instructions]
  end

  # What a pointer costs among many, beside one of the same sort among few.
  def growth
    first, *others = @results.keys.grep(GROWTH)
    return if others.empty?

    names = @results[first].keys
    rows = others.map { |workload| row([workload, *names.map { |name| grown(name, workload, first) }]) }
    ["", "What one of many costs, beside one of #{first}:", "",
     *table(names.map { |name| Contenders.all.fetch(name).title }, rows)]
  end

  def grown(name, many, few)
    format("%.2f", median(beside(@results[many][name], @results[few][name])))
  end

  def cost_of_require
    return unless @results.key?("require: seconds")

    ffi, more = [BASE, "release"].map do |contender|
      %w[seconds bytes].map { |what| median(@results.fetch("require: #{what}").fetch(contender)) }
    end.then { |base, all| [base, all.zip(base).map { |total, part| total - part }] }
    ["", format("`require \"ffi\"` takes %.0f ms and %.1f MB, `require \"safe_pointer\"` %.0f ms and %.1f MB more.",
                *[ffi, more].flat_map { |seconds, bytes| [seconds * 1e3, bytes / 1e6] })]
  end

  def columns
    Contenders.all.keys
  end

  def lines
    workloads = @results.keys.reject { |workload| workload.start_with?("require") }
    workloads.map { |workload| row([workload, *columns.map { |name| cell(workload, name) }]) }
  end

  def cell(workload, contender)
    values = @results[workload][contender]
    return if values.nil? || (contender == BASE && BESIDE.key?(workload))

    ratios = beside(values, @results[workload][BASE])
    contender == BASE || ratios.one? ? format("%.2f", median(ratios)) : spread_of(ratios)
  end
end
