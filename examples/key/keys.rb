# frozen_string_literal: true

require_relative "libcrypto"

# OpenSSL's secure heap, of which a process has one at a time. It does not go while a
# block of it is in use: CRYPTO_secure_malloc_done answers 0 then.
class SecureHeap < Stage.base
  SIZE = 4096
  SMALLEST = 16

  def self.release(raw)
    Ledger.released(raw)
    return if LibCrypto.CRYPTO_secure_malloc_done == 1

    Ledger.bad "secure heap kept: #{LibCrypto.CRYPTO_secure_used} bytes in use"
  end

  def initialize
    raise "OpenSSL has its secure heap already" if LibCrypto.CRYPTO_secure_malloc_init(SIZE, SMALLEST).zero?

    super(Ledger.made(start))
  end

  private

  # OpenSSL does not say where the heap is. The block that fills it does.
  def start
    LibCrypto.allocate(SIZE).tap { |whole| LibCrypto.free(whole) }
  end
end

# A secret that signs, and that is in no Ruby string: it comes from the kernel into
# the secure heap, and is wiped there.
class Key < Stage.base
  SIZE = 64
  LINKS = 16 # bytes at the start of a free block that the heap itself writes to

  def self.release(raw)
    Ledger.released(raw)
    Ledger.bad "wiped before" if blank?(raw)
    LibCrypto.clear_free(raw, SIZE)
    Ledger.bad "not wiped" unless blank?(raw) # the heap is still there, being the parent
  end

  def self.blank?(raw)
    raw.get_bytes(LINKS, SIZE - LINKS).delete("\0").empty?
  end

  def initialize(heap)
    raw = Ledger.made(LibCrypto.allocate(SIZE))
    LibC.getrandom(raw, SIZE, 0) == SIZE or raise "the kernel has no randomness"
    @heap = heap # FFI::AutoPointer can do no more for it than keep it alive
    super(raw, **Stage.family(parent: heap))
  end

  def sign(text) = LibCrypto.hmac(self, SIZE, text)
end
