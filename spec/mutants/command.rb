# frozen_string_literal: true

require "etc"
require "optparse"
require_relative "copy"
require_relative "mutation"
require_relative "trial"

module Mutants
  # The command line.
  class Command
    ROOT = File.expand_path("../..", __dir__)
    DIRECTORY = File.join(ROOT, "tmp/mutants")
    # Of those that must show no fault before any mistake is made.
    PROGRAMS = 200

    def initialize(arguments)
      globs = parser.parse(arguments)
      @mutations = Mutation.all.select do |mutation|
        globs.empty? || globs.any? { |glob| File.fnmatch?(glob, mutation.name) || mutation.name.end_with?("/#{glob}") }
      end
      abort "There is no such mutation: #{globs.join(" ")}" if @mutations.empty?
    end

    # Whether all were caught.
    def run
      return list if @list

      prepare
      puts "without a mistake ..."
      check
      @results = @mutations.to_h { |mutation| [mutation, try(mutation)] }
      figures
      @results.each_value.all?(&:caught?)
    rescue Error => e
      abort e.message
    end

    private

    def parser
      OptionParser.new do |options|
        options.banner = "Usage: bin/mutants [OPTIONS] [NAMES, with * for any part of one]"
        options.on("--list", "what there is, and what catches it") { @list = true }
      end
    end

    def list
      @mutations.each { |mutation| puts "#{mutation.name}\n  #{mutation.breaks}\n  #{mutation.caught_by}" }
      true
    end

    def prepare
      log = "#{DIRECTORY}.log"
      jobs = Integer(ENV.fetch("SAFE_POINTER_JOBS") { Etc.nprocessors })
      puts "copying and compiling ..."
      @copy = Copy.new(ROOT, DIRECTORY)
      @copy.compile
      @spec = SpecTrial.new(DIRECTORY, log)
      @fuzz = FuzzTrial.new(DIRECTORY, log, jobs)
    end

    # What finds something in the library as it is shows nothing.
    def check
      fuzz, spec = *@mutations.partition(&:fuzz?)
      spec.group_by(&:spec).each do |file, mutations|
        filters = mutations.map(&:filter)
        complain(file, @spec.run(file, filters.include?(nil) ? [] : filters.uniq))
      end
      fuzz.map(&:fuzz_options).uniq.each do |options|
        complain("fuzz", @fuzz.run([*options, "--programs", PROGRAMS.to_s]))
      end
    end

    def complain(what, result)
      raise Error, "#{what} fails without a mistake: #{result.text}" if result.caught?
    end

    def try(mutation)
      result = attempt(mutation)
      puts format("%-9s %s (%s)", result.kind, mutation.name, result.text)
      result
    end

    # Where the list is wrong, the others of it may be right.
    def attempt(mutation)
      @copy.with(mutation) { look(mutation) }
    rescue Error => e
      Result.new(:error, e.message)
    end

    def look(mutation)
      mutation.fuzz? ? @fuzz.run(mutation.fuzz_options) : @spec.run(mutation.spec, [*mutation.filter])
    end

    def figures
      survived = @results.reject { |_, result| result.caught? }.keys
      puts "", "#{@results.size} mutations, #{survived.size} not caught"
      survived.each { |mutation| puts "  #{mutation.name}: #{mutation.breaks}; see #{mutation.caught_by}" }
    end
  end
end
