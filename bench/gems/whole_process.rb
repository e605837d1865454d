# frozen_string_literal: true

require "json"
require "open3"
require "rbconfig"
require_relative "program"

# A program of this directory that has run to its end, in a process of its own.
class WholeProcess
  LIB = File.expand_path("../../lib", __dir__)
  # libvips works on one thread: what several threads take depends on how they meet.
  ENVIRONMENT = { "VIPS_CONCURRENCY" => "1" }.freeze

  # What it has printed, and its processor time in seconds.
  attr_reader :printed, :seconds

  # `way` is `stock` or `replaced`. Only one may run at a time: the system counts the time of all that have ended.
  def initialize(program, way, *arguments)
    command = [RbConfig.ruby, "-I", LIB, File.join(__dir__, "#{program}.rb"), way, *arguments]
    before = ended
    out, @status = Open3.capture2(ENVIRONMENT, *command)
    @seconds = ended - before
    return unless installed?

    @status.success? or abort "#{command.join(" ")} failed."
    @printed = JSON.parse(out)
  end

  # Whether there was all it needs.
  def installed?
    @status.exitstatus != Program::UNAVAILABLE
  end

  private

  # The processor time of all processes that have ended.
  def ended
    Process.times.then { |times| times.cutime + times.cstime }
  end
end
