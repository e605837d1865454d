# frozen_string_literal: true

require "socket"

# A web server on loopback, on threads of this process. It answers with the header
# X-Name and the cookies of the request, and gives out a cookie.
class Server
  def initialize
    @socket = TCPServer.new("127.0.0.1", 0)
    @arrived = Queue.new
    @answer = Queue.new
    Thread.new { loop { Thread.new(@socket.accept) { |client| serve(client) } } }
  end

  def url(path = "/") = "http://127.0.0.1:#{@socket.local_address.ip_port}#{path}"

  # Waits until there is a request for /later. It gets its answer from `answer`.
  def await_request = @arrived.pop

  def answer = @answer << true

  private

  def serve(client)
    while (line = client.gets)
      headers = client.each_line.take_while { |header| header != "\r\n" }
      wait if line.start_with?("GET /later ")
      reply(client, ["X-Name", "Cookie"].map { |name| value(headers, name) }.join(", "))
    end
  rescue Errno::ECONNRESET, Errno::EPIPE
    nil # the client has gone
  ensure
    client.close
  end

  def wait
    @arrived << true
    @answer.pop
  end

  def value(headers, name)
    headers.filter_map { |header| header[/\A#{name}: (.*)\r/i, 1] }.first || "no #{name}"
  end

  def reply(client, body)
    client.write("HTTP/1.1 200 OK\r\nSet-Cookie: visited=yes\r\nContent-Length: #{body.bytesize}\r\n\r\n", body)
  end
end
