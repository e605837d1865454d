# frozen_string_literal: true

require "json"
require "open3"
require "rbconfig"

# A contender at a workload, in a process of its own that waits for its turns. See worker.rb.
class Runner
  WORKER = File.expand_path("worker.rb", __dir__)
  LIB = File.expand_path("../lib", __dir__)

  # Once it is ready, `known` is what it knows then.
  attr_reader :known

  # `under`: a command to run it under, and the environment it gets.
  def initialize(workload, contender, count, under: [], environment: {})
    @command = [*under, RbConfig.ruby, "-I", LIB, WORKER, workload, contender, count.to_s]
    @in, @out, @err, @waiter = Open3.popen3(environment, *@command)
    @errors = Thread.new { @err.read }
    @known = answer
  end

  # What it measured in one turn more.
  def turn
    @in.puts
    answer
  end

  # Ends it. Returns how many seconds that takes.
  def finish
    start = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    @in.close
    @out.read
    @waiter.value.success? or failed
    Process.clock_gettime(Process::CLOCK_MONOTONIC) - start
  end

  # What it has written on stderr, once it is finished.
  def errors
    @errors.value
  end

  private

  def answer
    JSON.parse(@out.gets || failed)
  end

  def failed
    abort "#{@command.join(" ")} failed:\n#{errors}"
  end
end
