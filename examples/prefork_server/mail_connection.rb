# frozen_string_literal: true

require_relative "../libcurl/handles"

# A connection to the mail server, which libcurl keeps open for the next time. It
# says goodbye to the server (QUIT) when the handle is cleaned up, and that is the
# danger in a fork: both processes have a handle, but there is one connection.
class MailConnection < Easy
  NEW_CONNECTIONS = 0x20001a # of curl_easy_getinfo

  fork_policy ARGV.fetch(1).to_sym if respond_to?(:fork_policy)

  def initialize(port)
    super("smtp://127.0.0.1:#{port}/example", nil)
  end

  # Whether the last request went through the connection that was there already.
  def kept?
    count = FFI::MemoryPointer.new(:long)
    Curl.check Curl.curl_easy_getinfo(self, NEW_CONNECTIONS, :pointer, count)
    count.read_long.zero?
  end
end
