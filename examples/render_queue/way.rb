# frozen_string_literal: true

require_relative "../ffi_1126/trial"

# A way of releasing what GC has collected: a scene, and what its trial says on
# which thread.
class Way
  attr_reader :title, :file, :trial

  def initialize(title, scene)
    @title = title
    @file = File.join(__dir__, "scenes", scene)
    @trial = Trial.new(self, "SafePointer").run
    findings = trial.findings("good")
    @running = findings.take_while { |finding| finding != "end" }
    @ending = findings.drop(@running.size)
  end

  def made(thread)             = @running.count("made by #{thread}")
  def released(thread)         = @running.count("released on #{thread}")
  def released_at_exit(thread) = @ending.count("released on #{thread}")

  # The threads on which something was released before exit.
  def threads = threads_of(@running)

  # The same for exit.
  def threads_at_exit = threads_of(@ending)

  def waiting(which)
    @running.filter_map { |finding| finding[/\A#{which} waiting: (\d+)/, 1] }.first || "-"
  end

  def rules_broken = trial.messages

  private

  def threads_of(findings)
    findings.filter_map { |finding| finding[/\Areleased on (.*)/, 1] }.uniq
  end
end
