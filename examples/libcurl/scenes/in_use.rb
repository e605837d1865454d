# frozen_string_literal: true

# A transfer is freed while it waits for the server, on another thread. libcurl
# forbids that: it is in the middle of this handle.

require_relative "../family"

def use(pointer, &block)
  pointer.respond_to?(:use) ? pointer.use(&block) : block.call(pointer)
end

headers = Headers.new("X-Name: Ada")
easy = Easy.new(SERVER.url("/later"), headers)
raw = FFI::Pointer.new(easy)

transfer = Thread.new { use(easy) { easy.perform } }
SERVER.await_request
[headers, easy].each(&:free)
Ledger.bad "cleaned up in mid-transfer" if Ledger.released?(raw)
SERVER.answer
transfer.join

Ledger.bad "not cleaned up when the transfer had ended" unless Ledger.released?(raw)
expect_bodies("Ada, no Cookie" => easy)
Ledger.expect_none_left
