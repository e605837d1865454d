# frozen_string_literal: true

require "tmpdir"
require_relative "model"
require_relative "progress"

module Fuzz
  # Runs programs, each in a fork of this process, which has loaded all they need, and to the end of that: several at
  # once.
  class Runner
    PAUSE = 0.001
    CHECK_EVERY = 0.1

    Run = Struct.new(:program, :pid, :log, :errors, :progress, :block)

    # What came of a program.
    Result = Struct.new(:program, :faults, :log, :errors, :status) do
      def shapes = faults.map(&:shape)
      def bad? = faults.any?
    end

    def initialize(jobs: 2, checks: Progress::CHECKS)
      @checks = checks
      @jobs = jobs
      @runs = {}
      @directory = Dir.mktmpdir("fuzz", File.directory?("/dev/shm") ? "/dev/shm" : nil)
      owner = Process.pid
      at_exit { FileUtils.rm_rf(@directory) if Process.pid == owner }
      @started = 0
      @checked = now
    end

    # Calls the block with the result, in time; waits while there are too many already.
    def start(program, &block)
      poll until @runs.size < @jobs
      stem = File.join(@directory, (@started += 1).to_s)
      log = "#{stem}.log"
      errors = "#{stem}.err"
      File.write(log, "")
      pid = Process.fork { live(program, log, errors) }
      @runs[pid] = Run.new(program, pid, log, errors, Progress.new(pid, log, @checks), block)
    end

    def wait = (poll until @runs.empty?)

    # The result of one program.
    def run(program)
      result = nil
      start(program) { |found| result = found }
      poll until result
      result
    end

    private

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

    # In the fork.
    def live(program, log, errors)
      Process.setpgrp
      Process.setrlimit(:CORE, 0)
      file = File.open(log, File::WRONLY | File::APPEND)
      # Ruby frees all objects in the end, and what is released by then is logged too.
      file.autoclose = false
      $stdout.reopen(errors, "a")
      $stderr.reopen($stdout)
      $stdout.sync = $stderr.sync = true
      Fuzz.log_to(file)
      at_exit { Fuzz.log("done") } # the last of them
      TOPLEVEL_BINDING.receiver.extend(Fuzz)
      eval(program.source, TOPLEVEL_BINDING, "program.rb", 1)
    end

    def poll
      ended, status = Process.wait2(-1, Process::WNOHANG)
      return finish(@runs.delete(ended), status) if ended && @runs.key?(ended)

      look_at_progress if now - @checked > CHECK_EVERY
      sleep PAUSE
    end

    def look_at_progress
      @checked = now
      @runs.each_value do |run|
        # What has been killed may take its time to end.
        next if run.progress.is_a?(Symbol)

        stuck = run.progress.stuck or next
        Process.kill(:KILL, -run.pid)
        run.progress = stuck
      end
    rescue Errno::ESRCH
      nil
    end

    def finish(run, status)
      log = File.readlines(run.log, chomp: true).map(&:split)
      errors = File.read(run.errors).scrub
      File.delete(run.log, run.errors)
      run.block.call(Result.new(run.program, judge(run, log, errors, status), log, errors, status))
    end

    def judge(run, log, errors, status)
      return [Model::Fault.new(:no_progress, run.progress.to_s)] if run.progress.is_a?(Symbol)

      double = errors[/^oracle: .*/]
      return released_twice(run.program, log, double) if double
      return [] if errors.match?(RUBYS_OWN)
      return [Model::Fault.new(:crash, "#{status}: #{errors.lines.first}")] unless ended_well?(run.program, errors, status)

      main, forks = split(log)
      [*Model.new(run.program).follow(main, forks).faults, *said(run.program, errors)]
    rescue StandardError, SystemStackError => e
      [Model::Fault.new(:model, "#{e.message} (#{e.backtrace.first})")]
    end

    # Between the definition of a method and Ruby's hook, in which it gets its guard, other threads can call it. One that
    # calls super is claimed all the same.
    def released_twice(program, log, message)
      name = message[/\w+\z/]
      singletons = program.all.select do |step|
        step.operation == :singleton && step[:of].to_s == name && !step[:super]
      end
      unguarded = singletons.any? do |step|
        start, stop = %w[begin end].map { |word| log.index { |line| line.take(2) == [word, step.number.to_s] } }
        start && log[start..stop].include?(["released", name])
      end
      unguarded ? [] : [Model::Fault.new(:released_twice, message)]
    end

    # A timeout stops the thread wherever it is by then.
    def ended_well?(program, errors, status)
      stopped = errors.include?("execution expired (Fuzz::Stop)") && program.all.any? { |step| step.operation == :timeout }
      status.success? || stopped || (status.termsig == Signal.list["INT"] && leaves?(program))
    end

    def leaves?(program) = program.all.any? { |step| step.operation == :leave && step[:how] == :raise }

    # How many words an event has; what a forked process logs has its name behind them.
    SIZES = {
      "begin" => 2, "end" => 3, "over" => 2, "opened" => 2, "released" => 2, "called" => 2, "forked" => 3, "error" => 3,
      "released_null" => 1, "done" => 1
    }.freeze

    # The events of the process itself, and of each that it forked.
    def split(log)
      events = log.group_by { |line| line[SIZES.fetch(line.first)] }
      [events.delete(nil).to_a, events]
    end

    # Ruby 3.3 aborts a process that a finalizer forks at the end, where a collection was still sweeping: at its own end
    # it neither sweeps the rest nor gives it up, as finalizers have run before.
    RUBYS_OWN = /\[BUG\] lazy sweeping underway when freeing object space/.freeze

    # The library says nothing but what it was asked to, and of what went wrong. Ruby says it of an exit in a finalizer, and
    # of a thread that it ends there (its error is a number). So does AddressSanitizer of a stack that it does not know.
    EXPECTED = /
      warning:\ Exception\ in\ finalizer | :\d+:(?:in\ .*:)?\ Integer$ |
      ^safe_pointer:\ release\ of\ .*(?:IOError|UncaughtThrowError|LocalJumpError|NoMemoryError) |
      was\ freed\ by\ GC,\ not\ by\ you | is\ owned\ already,\ by | GC\ will\ never\ release\ this |
      WARNING:\ ASan\ is\ ignoring | ^False\ positive\ error\ reports | ^For\ details\ see |
      Interrupt | SystemExit | Fuzz::Stop | SystemStackError | NoMemoryError | ^\s+from\  | ^\t | program\.rb:.*IOError
    /x.freeze
    private_constant :SIZES, :RUBYS_OWN, :EXPECTED

    def said(_, errors)
      errors.lines.grep_v(EXPECTED).first(1).map { |line| Model::Fault.new(:said, line.chomp) }
    end
  end
end
