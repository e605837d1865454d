# frozen_string_literal: true

require "etc"
require "optparse"
require_relative "../support/duration"
require_relative "runtime"
require_relative "program"
require_relative "source"
require_relative "generator"
require_relative "runner"
require_relative "shrinker"

module Fuzz
  # The command line.
  class Command
    PLANTS = File.join(__dir__, "plants")

    def initialize(arguments)
      @seed = Random.new_seed % (1 << 32)
      @jobs = Etc.nprocessors
      @faults = 3
      @shrink = true
      @without = []
      parser.parse!(arguments)
      @programs ||= 1 << 60 if @seconds
      @programs ||= 3000
      load(@plant) if @plant
    end

    # Whether no fault was found.
    def run
      @started = now
      @done = @steps = @releases = 0
      @found = {}
      puts "seed #{@seed}, Ruby #{RUBY_VERSION}, ffi #{FFI::VERSION}"
      runner = Runner.new(jobs: @jobs)
      while @done < @programs && more?
        runner.start(program(@seed + @done)) { |result| count(result) }
        @done += 1
      end
      runner.wait
      @found.each_value { |result| report(@shrink ? Shrinker.new(shrinking).shrink(result) : result) }
      figures
      @found.empty?
    end

    private

    def parser
      OptionParser.new do |options|
        options.banner = "Usage: bin/fuzz [OPTIONS]"
        options.on("--seed N", Integer, "that of the first program; each other has the next one") { |n| @seed = n }
        options.on("--programs N", Integer, "how many (3000)") { |n| @programs = n }
        options.on("--for TIME", Duration::PATTERN, "for how long: 90s, 10m, 1h") do |time|
          @seconds = Duration.parse(time)
        end
        options.on("--on CLASS", %w[pointer replaced middle autopointer],
                   "pointer (SafePointer), replaced (FFI::AutoPointer made safe), middle (it is made safe when there",
                   "are pointers) or autopointer (as ffi has it); without this all but the last") { |on| @on = on }
        options.on("--jobs N", Integer, "programs at a time (#{@jobs})") { |n| @jobs = n }
        options.on("--faults N", Integer, "ends after so many different ones (#{@faults})") { |n| @faults = n }
        options.on("--without KIND", %i[forks stress], "forks or stress (a collection at every allocation)") do |kind|
          @without << kind
        end
        options.on("--no-shrink", "leaves what fails as it is") { @shrink = false }
        options.on("--plant NAME", "a fault from spec/fuzz/plants, to see that it is found") do |name|
          @plant = File.join(PLANTS, "#{name}.rb")
        end
      end
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

    def more? = @found.size < @faults && (@seconds.nil? || now - @started < @seconds)

    # That a program which stood still does so again takes less to believe.
    def shrinking = Runner.new(jobs: 1, checks: Progress::CHECKS / 4)

    # The seed of number `seed` says all there is to a program, and where it runs.
    def program(seed)
      on = @on || { 0 => "replaced", 1 => "middle" }.fetch(seed % 5, "pointer")
      Generator.new(seed, on: on, without: @without).program
    end

    def count(result)
      @steps += result.program.size
      @releases += result.log.count { |event| event.first == "released" }
      @found[result.faults.first.shape] ||= result if result.bad?
    end

    def report(result)
      puts "", *summary(result), ""
      puts Script.of(result, @plant), ""
      puts result.errors.lines.first(3).map { |line| "# said: #{line}" } unless result.errors.empty?
      puts "# log: #{result.log.map { |event| event.join(" ") }.join(", ")}"
    end

    def summary(result) = ["fault: #{result.faults.first}", "again: #{again(result.program.seed)}"]

    def again(seed)
      options = ["--seed #{seed}", "--programs 1", *same_kind]
      options << "--plant #{File.basename(@plant, ".rb")}" if @plant
      "bin/fuzz #{options.join(" ")}"
    end

    def same_kind = [*("--on #{@on}" if @on), *@without.map { |kind| "--without #{kind}" }]

    def figures
      seconds = now - @started
      figures = "#{@done} programs, #{@steps} steps, #{@releases} releases, #{@found.size} faults"
      puts "", *@found.each_value.flat_map { |result| summary(result) }
      puts "#{figures}; #{(@done / seconds).round} programs a second"
      puts "again: bin/fuzz #{["--seed #{@seed}", "--programs #{@done}", *same_kind].join(" ")}"
    end
  end
end
