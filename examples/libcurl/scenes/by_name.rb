# frozen_string_literal: true

# Transfers have a method `clean_up`. FFI::AutoPointer knows `free` only, and
# releases again what this has released.

require_relative "../family"

class CleanedUp < Easy
  frees_with :clean_up if respond_to?(:frees_with)

  def clean_up = self.class.release(self)
end

Stage.forgetting do
  4.times do
    easy = CleanedUp.new(SERVER.url, Headers.new("X-Name: Ada"))
    easy.perform
    2.times { easy.clean_up }
  end
end
Stage.collect(CurlHandle)
Ledger.expect_none_left
