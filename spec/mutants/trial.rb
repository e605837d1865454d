# frozen_string_literal: true

require "rbconfig"
require_relative "../fuzz/progress"
require_relative "mutation"

module Mutants
  # Runs a command in a directory until it ends or gets no further.
  class Trial
    PAUSE = 0.1
    # How often nothing may have happened. Examples sleep now and then.
    CHECKS = 300

    # `stuck` says how, if it got no further.
    Ended = Struct.new(:output, :status, :stuck)

    def self.run(directory, log, *command)
      new(directory, log, command).run
    end

    def initialize(directory, log, command)
      @directory = directory
      @log = log
      @command = command
    end

    def run
      File.write(@log, "")
      pid = Process.spawn(*@command, chdir: @directory, pgroup: true, in: File::NULL, %i[out err] => [@log, "a"])
      progress = Fuzz::Progress.new(pid, @log, CHECKS)
      until Process.wait(pid, Process::WNOHANG)
        stuck = progress.stuck and break

        sleep PAUSE
      end
      Ended.new(File.read(@log).scrub, $?, stuck)
    ensure
      stop(pid) if pid
    end

    private

    # Whatever is left of it.
    def stop(pid)
      Process.kill(:KILL, -pid)
      Process.wait(pid)
    rescue Errno::ESRCH, Errno::ECHILD
      nil
    end
  end

  # What came of a mutation.
  Result = Struct.new(:kind, :text) do
    def self.caught(text) = new(:caught, text)
    def self.survived(text) = new(:survived, text)
    def caught? = kind == :caught
  end

  # Has rspec look.
  class SpecTrial
    # What ends a process that has gone wrong, and nobody sends.
    CRASHES = %w[ABRT BUS FPE ILL SEGV TRAP].freeze

    def initialize(directory, log)
      @directory = directory
      @log = log
    end

    def run(spec, filters)
      options = filters.flat_map { |filter| ["-e", filter] }
      judge(Trial.run(@directory, @log, "rspec", "-I", "lib", "--fail-fast", spec, *options))
    end

    private

    # A process that has crashed has found something as well. One that failed without an example has not.
    def judge(ended)
      return Result.caught("no progress: #{ended.stuck}") if ended.stuck

      signal = Signal.signame(ended.status.termsig) if ended.status.signaled?
      return Result.caught("crashed by signal #{signal}") if CRASHES.include?(signal)

      examples, failures = ended.output[/^\d+ examples?, .*/].to_s.scan(/\d+/).map(&:to_i)
      return Result.survived("#{examples} examples") if ended.status.success? && examples&.positive?
      return Result.caught("#{failures} of #{examples} examples failed") if failures&.positive?

      raise Error, "no example has been run: #{ended.output.lines.last(5).join}"
    end
  end

  # Has the fuzzer look.
  class FuzzTrial
    def initialize(directory, log, jobs)
      @directory = directory
      @log = log
      @jobs = jobs
    end

    def run(options)
      judge(Trial.run(@directory, @log, RbConfig.ruby, "-I", "lib", "spec/fuzz/run.rb", "--faults", "1", "--no-shrink",
                      "--jobs", @jobs.to_s, *options))
    end

    private

    def judge(ended)
      raise Error, "the fuzzer itself gets no further" if ended.stuck

      fault = ended.output[/^fault: (.*)/, 1]
      programs = ended.output[/^(\d+) programs,/, 1]
      raise Error, "the fuzzer failed: #{ended.output.lines.last(5).join}" unless programs
      return Result.survived("#{programs} programs") unless fault

      Result.caught("program #{programs}: #{fault[0, 70]}")
    end
  end
end
