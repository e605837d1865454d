# frozen_string_literal: true

# Something else goes wrong while there are keys. They are wiped on the way out, by a
# method of their own, and live on to the end of the process.

require_relative "../keys"

class SessionKey < Key
  frees_with :forget if respond_to?(:frees_with)

  def forget = self.class.release(self)
end

HEAP = SecureHeap.new
KEYS = Array.new(4) { SessionKey.new(HEAP) }

KEYS.each do |key|
  key.sign(nil)
rescue NoMethodError
  nil
ensure
  key.forget
end
Ledger.bad "keys are left" unless LibCrypto.CRYPTO_secure_used.zero?
