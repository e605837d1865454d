# frozen_string_literal: true

require_relative "curl"

# A pointer that can be told who its parent is.
class CurlHandle < Stage.base
  def initialize(raw, *release, parent: nil)
    @parent = parent # FFI::AutoPointer can do no more for it than keep it alive
    super(Ledger.made(raw), *release, **Stage.family(parent: parent))
  end
end

# What easy handles have in common: cookies, here. curl_share_cleanup refuses while
# an easy handle has it, and the share leaks.
class Share < CurlHandle
  def self.release(raw)
    Ledger.released(raw)
    code = Curl.curl_share_cleanup(raw)
    Ledger.bad(code == Curl::SHARE_IN_USE ? "CURLSHE_IN_USE" : "curl_share_cleanup: #{code}") unless code.zero?
  end

  def initialize
    super(Curl.curl_share_init)
    Curl.check_other Curl.curl_share_setopt(self, Curl::SHARE_DATA, :int, Curl::COOKIES)
  end
end

# Lines for the head of requests. An easy handle reads them whenever it performs.
class Headers < CurlHandle
  def self.release(raw)
    Ledger.released(raw)
    Curl.curl_slist_free_all(raw)
  end

  def initialize(*lines, parent: nil)
    super(Curl.list(lines), parent: parent)
  end
end

# A transfer. What it refers to must outlive it; as a pointer has one parent, that is
# a chain: the easy handle, its headers, and the share or multi handle.
class Easy < CurlHandle
  attr_reader :body

  def self.release(raw)
    Ledger.released(raw)
    Curl.curl_easy_cleanup(raw)
  end

  def initialize(url, headers, *release)
    super(Curl.curl_easy_init, *release, parent: headers)
    @body = String.new
    @write = FFI::Function.new(:size_t, %i[pointer size_t size_t pointer]) { |bytes, size, n| write(bytes, size * n) }
    set(Curl::URL, :string, url)
    set(Curl::HEADERS, :pointer, headers)
    set(Curl::WRITE, :pointer, @write)
    set(Curl::NO_PROXY, :string, "*")
    set(Curl::NO_SIGNAL, :long, 1)
  end

  def share(share)
    set(Curl::SHARE, :pointer, share)
    set(Curl::COOKIES_FROM, :string, "") # from nowhere, which turns them on
  end

  def perform = Curl.check(Curl.curl_easy_perform(self))

  private

  def set(option, type, value)
    Curl.check Curl.curl_easy_setopt(self, option, type, value)
  end

  def write(bytes, count)
    @body << bytes.read_bytes(count)
    count
  end
end
