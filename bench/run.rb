# frozen_string_literal: true

# Runs all contenders on all workloads, by turns, and prints what they cost beside FFI::AutoPointer. See bin/bench.

require "json"
require "open3"
require "optparse"
require "rbconfig"
require_relative "contenders"
require_relative "workloads"
require_relative "table"
require_relative "chart"
require_relative "limits"
require_relative "readme"

options = {
  rounds: 5, count: 100_000, live: 1_000_000, grow: 10_000_000, instructions: false, check: false, chart: false,
  publish: false
}
OptionParser.new do |parser|
  parser.banner = "Usage: bin/bench [options]"
  parser.on("--rounds N", Integer, "how often each is measured (#{options[:rounds]})")
  parser.on("--count N", Integer, "pointers per measurement (#{options[:count]})")
  parser.on("--live N", Integer, "pointers alive at once (#{options[:live]}); 0 leaves that out")
  parser.on("--grow N", Integer, "up to so many pointers, from 10,000 on (#{options[:grow]}); 0 leaves that out")
  parser.on("--instructions", "count instructions with valgrind, instead of measuring time")
  parser.on("--check", "count instructions where there is a limit for them, and fail if it is exceeded")
  parser.on("--chart", "draw a chart with gnuplot, too")
  parser.on("--publish", "the same, and put table and chart into bench/results and the README")
end.parse!(into: options)
options[:instructions] ||= options[:check]
options[:chart] ||= options[:publish]

# Measures in processes of their own.
class Bench
  WORKER = File.expand_path("worker.rb", __dir__)
  LIB = File.expand_path("../lib", __dir__)
  GROWING = [Table::BASE, "release", "native"].freeze

  def initialize(options)
    @options = options
  end

  # What each measurement answered, by workload and contender.
  def run
    results = Hash.new { |workloads, name| workloads[name] = Hash.new { |all, contender| all[contender] = [] } }
    rounds.times do |round|
      $stderr.print "\rround #{round + 1} of #{rounds} "
      measure_all(results, round)
    end
    $stderr.puts
    [results, *results.values].each { |hash| hash.default = nil }
    results
  end

  private

  def rounds
    @options[:instructions] ? 1 : @options[:rounds]
  end

  def measure_all(results, round)
    measure_workloads(results)
    return if @options[:instructions]

    measure_require(results)
    measure_live(results) if @options[:live].positive?
    measure_growth(results, round)
  end

  def measure_workloads(results)
    Workloads.all.each_key do |workload|
      Contenders.all.each_key do |contender|
        next if @options[:check] && !Limits.cover?(workload, contender)

        value = @options[:instructions] ? instructions(workload, contender) : seconds(workload, contender)
        results[workload][contender] << value if value
      end
    end
  end

  # Of ffi, which all contenders need, and of what some need more.
  def measure_require(results)
    { Table::BASE => "ffi", "release" => "safe_pointer" }.each do |contender, library|
      out, status = Open3.capture2(RbConfig.ruby, "-I", LIB, File.join(__dir__, "require.rb"), library)
      status.success? or abort "#{library} cannot be required"
      JSON.parse(out).each { |what, value| results["require: #{what}"][contender] << value }
    end
  end

  def measure_live(results)
    Contenders.all.each_key do |contender|
      live(contender).each { |what, value| results[what][contender] << value }
    end
  end

  # Whether a pointer costs the same among many as among few. The most take minutes, and are measured once.
  def measure_growth(results, round)
    counts = Array.new(4) { |power| 10_000 * 10**power }.take_while { |count| count <= @options[:grow] }
    counts.pop if round.positive? && counts.last == 10_000_000
    counts.product(GROWING).each do |count, contender|
      seconds = JSON.parse(worker("grow", contender, count).first)["seconds"]
      results["#{Table.number(count)} at once"][contender] << seconds
    end
  end

  def seconds(workload, contender)
    JSON.parse(worker(workload, contender, @options[:count]).first)["seconds"]
  end

  # The difference of two counts: what starting up costs is in both.
  def instructions(workload, contender)
    return unless seconds(workload, contender)

    low, high = [2_000, 6_000].map do |count|
      out = worker(workload, contender, count, "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")[1]
      Integer(out[/Collected : (\d+)/, 1])
    end
    (high - low) / 4_000.0
  end

  def live(contender)
    start = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    result, _, printed = worker("live", contender, @options[:live])
    finish = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    result = JSON.parse(result)
    {
      "live: minor GC" => result["minor"], "live: full GC" => result["full"],
      "live: resident bytes each" => result["bytes"], "live: exit" => finish - (printed || start)
    }
  end

  # What it printed on stdout and stderr, and when.
  def worker(workload, contender, count, *under)
    command = [*under, RbConfig.ruby, "-I", LIB, WORKER, workload, contender, count.to_s]
    Open3.popen3(*command) do |_, out, err, waiter|
      errors = Thread.new { err.read }
      first = out.gets
      printed = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      out.read
      waiter.value.success? or abort "#{command.join(" ")} failed:\n#{errors.value}"
      [first, errors.value, printed]
    end
  end
end

results = Bench.new(options).run
table = Table.new(results, options)
path = table.save(options[:publish] ? Readme::RESULTS : File.expand_path("../tmp/bench", __dir__))
Chart.new(table, table.title).save("#{path}.svg") if options[:chart]
Readme.new.insert(File.basename(path)) if options[:publish]
puts table
warn "Saved as #{path.delete_prefix("#{Dir.pwd}/")}.*"
Limits.check(table) if options[:check]
