# frozen_string_literal: true

# Notifications with libnotify, where each is an AutoPointer. They live until the process ends: what releases them is a
# method of the object that has them. Nobody needs to be there to show them.

require_relative "program"
require_relative "ledger"

# Says something, in a loop.
class Notifier
  attr_reader :jobs

  def initialize
    @jobs = %i[show replace]
  end

  def prepare
    ledger = Ledger.new(Libnotify::FFI)
    ledger.returned(:notification, :notify_notification_new)
    ledger.released(:notification, :g_object_unref)
  end

  def account
    {}
  end

  def show(round)
    Array.new(3) { Libnotify.show(summary: "round #{round}", urgency: :low, timeout: 1) }
  end

  def replace(round)
    notifier = Libnotify.new(summary: "round #{round}")
    notifier.show!
    notifier.update(body: "more")
    notifier.show!
    notifier.close
    notifier
  end
end

Program.run("libnotify", Notifier.new, rounds: 40)
