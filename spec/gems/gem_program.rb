# frozen_string_literal: true

require_relative "../support/child"

# A program of this directory that has run to its end. See program.rb for what it tells.
class GemProgram < Child
  LIB = File.expand_path("../../lib", __dir__)
  private_constant :LIB

  # `replaced` says when FFI::AutoPointer is: "never", "before" the gem is loaded, or "after" that.
  def self.run(name, replaced, *arguments, env: {})
    start do |log, out, err|
      Process.spawn({"EVENTS_FD" => log.fileno.to_s, **env}, RbConfig.ruby, "-I", LIB,
                    File.expand_path("#{name}.rb", __dir__), replaced, *arguments,
                    out: out, err: err, log => log, rlimit_core: 0)
    end
  end

  def not_installed?
    events == [:not_installed]
  end

  # What the program counted at the time, as a Hash.
  def account(time)
    events.assoc(time).last
  end

  # How many of each kind its ledgers saw made.
  def made
    ledger.select { |what, *| what == :made }.map { |_, kind, _| kind }.tally
  end

  # Kinds and addresses that were made, and never released.
  def unreleased
    settle.first
  end

  # Kinds and addresses that were released when there was nothing to release there.
  def released_in_excess
    settle.last
  end

  # The ledgers are too long to print.
  def inspect
    "#<GemProgram #{status}\n  stdout: #{stdout[0, 1_000]}\n  stderr: #{stderr[0, 2_000]}>"
  end

  private

  def ledger
    events.select { |event| event.is_a?(Array) && %i[made released].include?(event.first) }
  end

  def settle
    unreleased = []
    in_excess = []
    live = {}
    ledger.each do |what, *object|
      was_live = live[object]
      live[object] = what == :made
      unreleased << object if was_live && what == :made
      in_excess << object if !was_live && what == :released
    end
    [unreleased + live.filter_map { |object, lives| object if lives }, in_excess]
  end
end
