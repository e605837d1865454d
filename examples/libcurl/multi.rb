# frozen_string_literal: true

require_relative "handles"

# Transfers at the same time, on one thread.
class Multi < CurlHandle
  def self.release(raw)
    Ledger.released(raw)
    code = Curl.curl_multi_cleanup(raw)
    Ledger.bad "curl_multi_cleanup: #{code}" unless code.zero?
  end

  def initialize
    super(Curl.curl_multi_init)
  end

  def add(easy)
    Curl.check_other Curl.curl_multi_add_handle(self, easy)
  end

  # Until all transfers have ended.
  def perform
    running = FFI::MemoryPointer.new(:int)
    loop do
      Curl.check_other Curl.curl_multi_perform(self, running)
      break if running.read_int.zero?

      Curl.check_other Curl.curl_multi_poll(self, nil, 0, 1_000, nil)
    end
  end
end

# An easy handle is to be taken out of its multi handle before either is cleaned up.
# This knows the multi handle by its address only.
LeaveAndCleanUp = Struct.new(:multi) do
  def call(raw)
    Ledger.released(raw)
    code = Curl.curl_multi_remove_handle(multi, raw)
    Ledger.bad(code == Curl::BAD_HANDLE ? "CURLM_BAD_HANDLE" : "curl_multi_remove_handle: #{code}") unless code.zero?
    Curl.curl_easy_cleanup(raw)
  end
end

class MultiEasy < Easy
  def initialize(multi, url, headers)
    super(url, headers, LeaveAndCleanUp.new(FFI::Pointer.new(multi)))
    multi.add(self)
  end
end
