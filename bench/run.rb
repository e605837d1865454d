# frozen_string_literal: true

# Runs all contenders on all workloads, by turns, and prints what they cost beside FFI::AutoPointer. See bin/bench.

require "json"
require "open3"
require "optparse"
require_relative "contenders"
require_relative "workloads"
require_relative "runner"
require_relative "table"
require_relative "chart"
require_relative "limits"
require_relative "performance_page"

options = {
  rounds: 15, count: 100_000, live: 1_000_000, grow: 10_000_000, instructions: false, check: false, chart: false,
  publish: false
}
OptionParser.new do |parser|
  parser.banner = "Usage: bin/bench [options]"
  parser.on("--rounds N", Integer, "how often each is measured (#{options[:rounds]}), or a fifth of it what takes long")
  parser.on("--count N", Integer, "pointers per measurement (#{options[:count]})")
  parser.on("--live N", Integer, "pointers alive at once (#{options[:live]}); 0 leaves that out")
  parser.on("--grow N", Integer, "up to so many pointers, from 10,000 on (#{options[:grow]}); 0 leaves that out")
  parser.on("--instructions", "count instructions with valgrind, instead of measuring time")
  parser.on("--check", "count instructions where there is a limit for them, and fail if it is exceeded")
  parser.on("--chart", "draw a chart with gnuplot, too")
  parser.on("--publish", "the same, and put both into bench/results, and the table into docs/performance.md")
end.parse!(into: options)
options[:instructions] ||= options[:check]
options[:chart] ||= options[:publish]

# All contenders take turns at a workload, so that each turn is at the same time as one of FFI::AutoPointer.
class Bench
  GROWING = [Table::BASE, "release", "native"].freeze

  # So many pointers at once take minutes, and are measured in one round only.
  ONCE = 10_000_000

  # Of what takes long there is one measurement where there are so many of the others.
  LONG = 5

  def initialize(options)
    @options = options
  end

  # What each turn answered, by workload and contender.
  def run
    @results = Hash.new { |workloads, name| workloads[name] = Hash.new { |all, contender| all[contender] = [] } }
    Workloads.all.each_key { |workload| @options[:instructions] ? count_instructions(workload) : take_turns(workload) }
    measure_more unless @options[:instructions]
    [@results, *@results.values].each { |hash| hash.default = nil }
    @results
  end

  private

  def measure_more
    rounds.times { measure_require }
    long_rounds.times { measure_live } if @options[:live].positive?
    long_rounds.times { |round| measure_growth(round) }
  end

  def rounds
    @options[:rounds]
  end

  def long_rounds
    rounds.fdiv(LONG).ceil
  end

  # What cannot do the workload takes no turns.
  def take_turns(workload)
    warn workload
    runners = Contenders.all.keys.to_h { |name| [name, Runner.new(task(workload, name), name, @options[:count])] }
    able = runners.select { |_, runner| runner.known["able"] }
    rounds.times { able.each { |contender, runner| @results[workload][contender] << runner.turn["seconds"] } }
    runners.each_value(&:finish)
  end

  # What a contender does in a workload.
  def task(workload, contender)
    contender == Table::BASE ? Table::BESIDE.fetch(workload, workload) : workload
  end

  # Of ffi, which all contenders need, and of what some need more.
  def measure_require
    { Table::BASE => "ffi", "release" => "safe_pointer" }.each do |contender, library|
      out, status = Open3.capture2(RbConfig.ruby, "-I", Runner::LIB, File.join(__dir__, "require.rb"), library)
      status.success? or abort "#{library} cannot be required"
      JSON.parse(out).each { |what, value| @results["require: #{what}"][contender] << value }
    end
  end

  def measure_live
    warn "live"
    runners = Contenders.all.keys.to_h { |name| [name, Runner.new(Workloads::LIVE, name, @options[:live])] }
    LONG.times { runners.each { |contender, runner| add_live(contender, runner.turn) } }
    runners.each do |contender, runner|
      add_live(contender, "resident bytes each" => runner.known["bytes"], "exit" => runner.finish)
    end
  end

  def add_live(contender, measured)
    measured.each { |what, value| @results["live: #{what}"][contender] << value }
  end

  # Whether a pointer costs the same among many as among few.
  def measure_growth(round)
    counts = Array.new(4) { |power| 10_000 * 10**power }.take_while { |count| count <= @options[:grow] }
    counts.delete(ONCE) if round.positive?
    counts.each do |count|
      workload = "#{Table.number(count)} at once"
      warn workload
      GROWING.each do |contender|
        runner = Runner.new(Workloads::GROW, contender, count)
        @results[workload][contender] << runner.turn["seconds"]
        runner.finish
      end
    end
  end

  # The difference of two counts: what starting up costs is in both. So is the one collection at the end, without what
  # it has to do for each pointer: when Ruby collects by itself depends on what the process has been through.
  def count_instructions(workload)
    Contenders.all.each_key do |contender|
      next if @options[:check] && !Limits.cover?(workload, contender)

      low, high = [4_000, 24_000].map { |count| instructions(workload, contender, count) }
      @results[workload][contender] << ((high - low) / 20_000.0) if low
    end
  end

  def instructions(workload, contender, count)
    under = %w[valgrind --tool=callgrind --callgrind-out-file=/dev/null]
    environment = { "COLLECT_ONCE" => "1" }
    runner = Runner.new(task(workload, contender), contender, count, under: under, environment: environment)
    able = runner.known["able"]
    runner.turn if able
    runner.finish
    Integer(runner.errors[/Collected : (\d+)/, 1]) if able
  end
end

results = Bench.new(options).run
table = Table.new(results, options)
path = table.save(options[:publish] ? PerformancePage::RESULTS : File.expand_path("../tmp/bench", __dir__))
Chart.new(table, table.title).save("#{path}.svg") if options[:chart]
PerformancePage.new.insert(File.basename(path)) if options[:publish]
puts table
warn "Saved as #{path.delete_prefix("#{Dir.pwd}/")}.*"
Limits.check(table) if options[:check]
