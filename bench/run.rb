# frozen_string_literal: true

# Runs all contenders on all workloads, by turns, and prints what they cost beside FFI::AutoPointer. See bin/bench.

require "json"
require "open3"
require "optparse"
require "rbconfig"
require_relative "contenders"
require_relative "workloads"
require_relative "table"

options = { rounds: 5, count: 100_000, live: 1_000_000, instructions: false }
OptionParser.new do |parser|
  parser.banner = "Usage: bin/bench [options]"
  parser.on("--rounds N", Integer, "how often each is measured (#{options[:rounds]})")
  parser.on("--count N", Integer, "pointers per measurement (#{options[:count]})")
  parser.on("--live N", Integer, "pointers alive at once (#{options[:live]}); 0 leaves that out")
  parser.on("--instructions", "count instructions with valgrind, instead of measuring time")
end.parse!(into: options)

# Measures in processes of their own.
class Bench
  WORKER = File.expand_path("worker.rb", __dir__)
  LIB = File.expand_path("../lib", __dir__)

  def initialize(options)
    @options = options
  end

  # What each measurement answered, by workload and contender.
  def run
    results = Hash.new { |workloads, name| workloads[name] = Hash.new { |all, contender| all[contender] = [] } }
    rounds.times do |round|
      $stderr.print "\rround #{round + 1} of #{rounds} "
      measure_all(results)
    end
    $stderr.puts
    results
  end

  private

  def rounds
    @options[:instructions] ? 1 : @options[:rounds]
  end

  def measure_all(results)
    Workloads.all.each_key do |workload|
      Contenders.all.each_key do |contender|
        value = @options[:instructions] ? instructions(workload, contender) : seconds(workload, contender)
        results[workload][contender] << value if value
      end
    end
    return if @options[:instructions] || @options[:live].zero?

    Contenders.all.each_key do |contender|
      live(contender).each { |what, value| results[what][contender] << value }
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
puts table
table.save(File.expand_path("../tmp/bench", __dir__))
