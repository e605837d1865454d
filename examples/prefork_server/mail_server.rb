# frozen_string_literal: true

require "socket"

# A mail server on loopback, on threads of this process. It takes no mail, only what
# comes before, and notes what becomes of its connections.
class MailServer
  REPLIES = { "EHLO" => "250 Hello", "HELP" => "214 Have a nice day", "QUIT" => "221 Bye" }.freeze

  def initialize
    @socket = TCPServer.new("127.0.0.1", 0)
    @connections = Queue.new
    Thread.new { loop { Thread.new(@socket.accept) { |client| serve(client) } } }
  end

  def port = @socket.local_address.ip_port

  # How often it was asked for help on each connection. Waits until all have ended.
  def requests
    Array.new(@connections.size) { @connections.pop.value }
  end

  private

  def serve(client)
    @connections << Thread.current
    client.write("220 Ready\r\n")
    help = 0
    while (word = client.gets&.split&.first)
      client.write(REPLIES.fetch(word, "502 What?"), "\r\n")
      help += 1 if word == "HELP"
      break if word == "QUIT"
    end
    help
  ensure
    client.close
  end
end
