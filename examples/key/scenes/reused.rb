# frozen_string_literal: true

# Keys are wiped by hand, and the secure heap gives their places to others. When the
# first ones are collected, the others are in use.

require_relative "../keys"

class SessionKey < Key
  def free = self.class.release(self)
end

HEAP = SecureHeap.new
places = []

Stage.forgetting do
  keys = Array.new(4) { SessionKey.new(HEAP) }
  places = keys.map(&:address)
  keys.each(&:free)
end

KEYS = Array.new(4) { Key.new(HEAP) }
Ledger.bad "the secure heap has other places for them" unless KEYS.map(&:address).sort == places.sort
signatures = KEYS.map { |key| key.sign("Dear Ada") }
Stage.collect(SessionKey)
changed = KEYS.zip(signatures).count { |key, signature| key.sign("Dear Ada") != signature }
Ledger.bad "#{changed} keys wiped while in use" unless changed.zero?
