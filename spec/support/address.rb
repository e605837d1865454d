# frozen_string_literal: true

# Addresses in print, which have all the digits that a pointer may have.
module Address
  DIGITS = 2 * FFI::Pointer.size
  ANY = /0x\h{#{DIGITS}}/

  def self.print(address)
    format("0x%0*x", DIGITS, address)
  end
end
