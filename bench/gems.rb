# frozen_string_literal: true

# Runs programs on real libraries, with FFI::AutoPointer as ffi has it and replaced in place, one after the other, and
# prints what the latter take beside the former. See bin/bench --gems.

require "optparse"
require_relative "gems/server"
require_relative "gems/table"
require_relative "gems/whole_process"
require_relative "performance_page"

options = { rounds: 15, publish: false }
OptionParser.new do |parser|
  parser.banner = "Usage: bin/bench --gems [options]"
  parser.on("--gems")
  parser.on("--rounds N", Integer, "how often each is measured (#{options[:rounds]})")
  parser.on("--publish", "put the table and the figures into bench/results, and the table into docs/performance.md")
end.parse!(into: options)

# Both ways of a program take their rounds beside each other.
class GemsBench
  WAYS = %w[stock replaced].freeze
  # With their arguments.
  PROGRAMS = [%w[vips large], %w[vips small], %w[ethon], %w[sqlite freed], %w[sqlite left]].freeze

  def initialize(rounds)
    @rounds = rounds
  end

  # What each program took, by its title.
  def run
    Server.open { |url| PROGRAMS.filter_map { |program| measure(program, url) }.to_h }
  end

  private

  # Nil if the library is not there.
  def measure(program, url)
    warn program.join(" ")
    runs = Array.new(@rounds) do
      WAYS.to_h { |way| [way, WholeProcess.new(program.first, way, *program.drop(1), url)] }
    end
    if runs.flat_map(&:values).all?(&:installed?)
      result_of(runs)
    else
      warn "Left out: it is not installed for Ruby #{RUBY_VERSION}."
    end
  end

  def result_of(runs)
    answers = runs.flat_map(&:values).map { |run| run.printed.values_at("title", "answer") }.uniq
    answers.one? or abort "The program has come to more than one result: #{answers.inspect}"
    [answers.first.first,
     { "pointers" => runs.first.fetch("replaced").printed.fetch("pointers"),
       "seconds" => by_way(runs, &:seconds), "peak" => by_way(runs) { |run| run.printed.fetch("peak") } }]
  end

  def by_way(runs)
    WAYS.to_h { |way| [way, runs.map { |run| yield run.fetch(way) }] }
  end
end

results = GemsBench.new(options[:rounds]).run
table = GemsTable.new(results, options)
path = table.save(options[:publish] ? PerformancePage::RESULTS : File.expand_path("../tmp/bench", __dir__))
PerformancePage.new.insert(File.basename(path)) if options[:publish]
puts table
warn "Saved as #{path.delete_prefix("#{Dir.pwd}/")}.*"
