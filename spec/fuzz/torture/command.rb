# frozen_string_literal: true

require "etc"
require "optparse"
require_relative "../runtime"
require_relative "../source"
require_relative "../shrinker"
require_relative "generator"
require_relative "document"
require_relative "table"

module Fuzz
  module Torture
    # The command line.
    class Command
      PLANTS = File.expand_path("../plants", __dir__)

      def initialize(arguments)
        @seed = 1
        @programs = 1000
        @jobs = Etc.nprocessors
        parser.parse!(arguments)
        load(@plant) if @plant
      end

      # Whether SafePointer has no fault.
      def run
        @table = Table.new(again(@seed, @programs))
        @found = []
        run_all
        puts @table
        publish if @publish
        @found.each { |on, result| report(on, result) }
        @found.all? { |on, _| on == :auto }
      end

      private

      def parser
        OptionParser.new do |options|
          options.banner = "Usage: bin/torture [OPTIONS]"
          options.on("--programs N", Integer, "how many (#{@programs})") { |n| @programs = n }
          options.on("--seed N", Integer, "that of the first, each other has the next one (#{@seed})") { |n| @seed = n }
          options.on("--jobs N", Integer, "programs at a time (#{@jobs})") { |n| @jobs = n }
          options.on("--publish", "puts the table into docs/torture.md, that of Ruby 3.3 into the README") { @publish = true }
          options.on("--plant NAME", "a fault from spec/fuzz/plants, to see that it is found") do |name|
            @plant = File.join(PLANTS, "#{name}.rb")
          end
        end
      end

      # Each program on all of them in succession.
      def run_all
        runner = Runner.new(jobs: @jobs)
        (@seed...(@seed + @programs)).each do |seed|
          Table::CONTENDERS.each_key do |on|
            runner.start(Generator.new(seed, on: on).program) { |result| count(on, result) }
          end
        end
        runner.wait
      end

      def count(on, result)
        @table.add(on, result)
        usual = [Runner::CUT_OFF, *(:released_twice if on == :auto)]
        @found << [on, result] unless result.faults.all? { |fault| usual.include?(fault.kind) }
      end

      def again(seed, programs)
        plant = " --plant #{File.basename(@plant, ".rb")}" if @plant
        "bin/torture --seed #{seed} --programs #{programs}#{plant}"
      end

      def publish
        version = RUBY_VERSION[/\d+\.\d+/]
        { Document::PATH => @table.to_s, Document::README => @table.outcomes }.each do |path, table|
          document = Document.new(File.read(path, encoding: "UTF-8"))
          next if path == Document::README && !document.place_for?(version)

          File.write(path, document.insert(version, table))
        end
      end

      def report(on, result)
        puts "", "fault of #{Table::CONTENDERS.fetch(on)}: #{result.faults.first}"
        puts "again: #{again(result.program.seed, 1)}", ""
        puts Script.of(result, @plant), ""
        puts result.errors.lines.first(3).map { |line| "# said: #{line}" }
        puts "# log: #{result.log.map { |event| event.join(" ") }.join(", ")}"
      end
    end
  end
end
