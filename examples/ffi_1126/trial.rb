# frozen_string_literal: true

require "rbconfig"
require "tmpdir"
require_relative "stage"

# One scene, with one base class, in a process of its own, and what came of it.
class Trial
  SCENES = File.expand_path("scenes", __dir__)
  LIB = File.expand_path("../../lib", __dir__)
  # In seconds, as a corrupted heap may also hang: of a program that runs, on a machine with much else to do, and of one
  # that only waits, for a lock that nobody gives back for instance.
  PATIENCE = 300
  PATIENCE_WITH_IDLE = 10

  # How the line of stderr is known that says what went wrong.
  COMPLAINT = /\[BUG\]|\w\(\): |corrupt|panicked|assertion failed|Exception in finalizer|Error/

  attr_reader :scene, :base

  def initialize(scene, base)
    @scene = scene
    @base = base
  end

  def run
    Dir.mktmpdir do |dir|
      out, err = %w[out err].map { |name| File.join(dir, name) }
      pid = Process.spawn(RbConfig.ruby, "-I", LIB, File.expand_path("#{scene.file}.rb", SCENES), base,
                          out: out, err: err, rlimit_core: 0)
      @status = wait(pid)
      @story, @stderr = [out, err].map { |path| File.read(path).scrub.lines(chomp: true) }
    end
    self
  end

  # How often the C destructor ran, handle by handle.
  def releases
    released = numbers("released").tally
    numbers("made").map { |handle| released.fetch(handle, 0) }
  end

  def findings(kind)
    @story.filter_map { |line| line[/\A#{kind}: (.*)/, 1] }
  end

  # What a native library printed, that is every line the scene did not: the
  # names of the rules broken, or the first line if it names none.
  def messages
    foreign = @story.grep_v(/\A(made \d+|released \d+|good: .*|bad: .*)\z/)
    rules = foreign.filter_map { |line| line[/VUID-[\w-]+/] }.uniq
    rules.empty? ? foreign.first(1) : rules
  end

  def complaint
    @stderr.grep(COMPLAINT).first&.sub(/\A.*(?=\[BUG\])/, "")
  end

  # The sentence that says what the scene had to do without, or nil.
  def unavailable
    @stderr.last if @status.exitstatus == Stage::UNAVAILABLE
  end

  def released_once?
    !releases.empty? && releases.all?(1)
  end

  def released_twice
    releases.count { |times| times > 1 }
  end

  def clean?
    @status.success? && findings("bad").empty? && messages.empty? && complaint.nil?
  end

  def ending
    return "did not end" if @hung

    @status.signaled? ? "killed by SIG#{Signal.signame(@status.termsig)}" : "exit #{@status.exitstatus}"
  end

  private

  def wait(pid)
    waiter = Process.detach(pid)
    idle = 0
    state = nil
    PATIENCE.times do
      return waiter.value if waiter.join(1)

      idle = state == (state = state_of(pid)) ? idle + 1 : 0
      break if idle == PATIENCE_WITH_IDLE
    end
    @hung = true
    Process.kill(:KILL, pid)
    waiter.value
  end

  # What stays the same while the process sleeps: the processor time of a process, where the system has it in /proc.
  def state_of(pid)
    state, *figures = File.read("/proc/#{pid}/stat")[/.*\) (.*)/, 1].split
    state == "S" ? figures.values_at(10, 11) : Object.new
  rescue SystemCallError
    Object.new
  end

  def numbers(event)
    @story.filter_map { |line| line[/\A#{event} (\d+)\z/, 1] }
  end
end
