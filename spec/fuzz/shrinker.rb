# frozen_string_literal: true

module Fuzz
  # Makes a program that fails smaller, as long as it fails in the same way: delta debugging over the steps, then
  # options that need not be there.
  class Shrinker
    REQUIRED = %i[as after of class base how on name to at events thread pointer held seconds left place].freeze

    def initialize(runner, attempts: 2, limit: 600)
      @runner = runner
      @attempts = attempts
      @limit = limit
    end

    # The smallest result found: it need not fail each time, where threads or GC have a part in it.
    def shrink(result)
      @shape = result.faults.first.shape
      @attempts = 1 if @shape.first == :no_progress
      @best = result
      @tried = {}
      loop do
        size = [@best.program.size, @best.program.source.size]
        remove_steps
        remove_options
        break if size == [@best.program.size, @best.program.source.size]
      end
      @best
    end

    private

    def remove_steps
      chunk = [@best.program.size / 2, 1].max
      loop do
        pass_over(chunk)
        break if chunk == 1

        chunk = (chunk + 1) / 2
      end
    end

    def pass_over(chunk)
      at = 0
      while at < @best.program.size
        numbers = @best.program.all.map(&:number)
        rest = numbers.take(at) + numbers.drop(at + chunk)
        at += chunk unless better?(@best.program.only(rest))
      end
    end

    def remove_options
      @best.program.all.each do |step|
        (step.arguments.keys - REQUIRED).each do |option|
          current = @best.program.all.find { |one| one.number == step.number } or break
          better?(@best.program.change(step.number, current.with(arguments: without(current, option))))
        end
      end
    end

    # A class at the bottom has to have a release.
    def without(step, option)
      return step.arguments.except(option) unless option == :release && !step[:base].start_with?("C")

      step.arguments.merge(release: :plain)
    end

    # Runs it, unless that has been done, and keeps it if it still fails.
    def better?(program)
      return false if program.source.size >= @best.program.source.size || @tried[program.source]

      @tried[program.source] = true
      @attempts.times do
        return false if (@limit -= 1).negative?

        result = @runner.run(program)
        return @best = result if result.shapes.include?(@shape)
      end
      false
    end
  end

  # A program as a file that runs by itself.
  module Script
    ROOT = File.expand_path("../..", __dir__)

    def self.of(result, plant = nil)
      <<~RUBY
        # #{result.faults.map(&:to_s).uniq.first(3).join("\n# ")}
        # Of the seed #{result.program.seed}. Run it with: ruby FILE
        $LOAD_PATH.unshift #{File.join(ROOT, "lib").inspect}
        require #{File.join(ROOT, "spec/fuzz/runtime").inspect}
        #{"require #{plant.inspect}\n" if plant}#{"NoMemory.preload\n" if result.program.all.any? { |step| step.operation == :no_memory }}extend Fuzz
        Fuzz.log_to($stdout)

        #{result.program.source}
      RUBY
    end
  end
end
