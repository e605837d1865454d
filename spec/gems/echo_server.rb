# frozen_string_literal: true

require "socket"

# An HTTP server on loopback that answers each request with what it was: method, path, the header X-Round and the
# body. It leaves connections open, for the client to close.
class EchoServer
  def self.open
    server = new
    yield server.url
  ensure
    server&.close
  end

  attr_reader :url

  def initialize
    @socket = TCPServer.new("127.0.0.1", 0)
    @url = "http://127.0.0.1:#{@socket.addr[1]}"
    @thread = Thread.new { loop { serve(@socket.accept) } }
  end

  def close
    @thread.kill.join
    @socket.close
  end

  private

  def serve(connection)
    Thread.new do
      loop { answer(connection) or break }
    rescue SystemCallError
      # The client has gone.
    ensure
      connection.close
    end
  end

  def answer(connection)
    request = connection.gets("\r\n\r\n") or return
    headers = request.scan(/^([\w-]+): (.*)\r$/).to_h.transform_keys(&:downcase)
    body = connection.read(headers.fetch("content-length", 0).to_i)
    text = [request[/\A\S+ \S+/], headers["x-round"], body].join("\n")
    connection.write("HTTP/1.1 200 OK\r\nContent-Length: #{text.bytesize}\r\n\r\n#{text}")
  end
end
