# frozen_string_literal: true

require_relative "../ffi_1126/stage"

# As much of OpenSSL as a secret key needs. Not Ruby's own OpenSSL, which is an
# extension in C.
module LibCrypto
  Stage.library(self, "libcrypto.so.3", "openssl")

  # The secure heap: memory for secrets alone, between guard pages, that is not
  # swapped out. The last arguments are the place in a C program, for its log.
  attach_function :CRYPTO_secure_malloc_init, %i[size_t size_t], :int
  attach_function :CRYPTO_secure_malloc_done, [], :int
  attach_function :CRYPTO_secure_malloc, %i[size_t string int], :pointer
  attach_function :CRYPTO_secure_free, %i[pointer string int], :void
  attach_function :CRYPTO_secure_clear_free, %i[pointer size_t string int], :void
  attach_function :CRYPTO_secure_used, [], :size_t

  attach_function :EVP_sha256, [], :pointer
  attach_function :HMAC, %i[pointer pointer int string size_t pointer pointer], :pointer

  module_function

  def allocate(size) = CRYPTO_secure_malloc(size, nil, 0)
  def free(block) = CRYPTO_secure_free(block, nil, 0)
  def clear_free(block, size) = CRYPTO_secure_clear_free(block, size, nil, 0)

  def hmac(key, size, text)
    digest = FFI::MemoryPointer.new(:char, 32)
    HMAC(EVP_sha256(), key, size, text, text.bytesize, digest, nil)
    digest.read_bytes(digest.size)
  end
end

module LibC
  extend FFI::Library
  ffi_lib FFI::Library::LIBC
  attach_function :getrandom, %i[pointer size_t uint], :ssize_t
end
