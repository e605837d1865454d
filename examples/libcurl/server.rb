# frozen_string_literal: true

require "socket"

# A web server on loopback. It answers with the header X-Name and the cookies of the
# request, and gives out a cookie.
#
# It is a process of its own. What GC finds dead may be released on any thread of the
# program, and none of them is to wait for libcurl to close a connection.
class Server
  def initialize
    socket = TCPServer.new("127.0.0.1", 0)
    @port = socket.local_address.ip_port
    @arrivals, arrivals = IO.pipe
    answers, @answers = IO.pipe
    fork do
      [@arrivals, @answers].each(&:close)
      Site.new(socket, arrivals, answers).run
    end
    [socket, arrivals, answers].each(&:close)
  end

  def url(path = "/") = "http://127.0.0.1:#{@port}#{path}"

  # Waits until there is a request for /later. It is answered after `answer`.
  def await_request = @arrivals.read(1)

  def answer = @answers.write(".")

  # What runs in the process.
  class Site
    def initialize(socket, arrivals, answers)
      @socket = socket
      @arrivals = arrivals
      @answers = answers
      @due = Queue.new
    end

    # Until the program has ended, in whatever way: its end of the pipe is closed then.
    def run
      Thread.new { loop { Thread.new(@socket.accept) { |client| serve(client) } } }
      @answers.each_char { |answer| @due << answer }
      exit!
    end

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
      @arrivals.write(".")
      @due.pop
    end

    def value(headers, name)
      headers.filter_map { |header| header[/\A#{name}: (.*)\r/i, 1] }.first || "no #{name}"
    end

    def reply(client, body)
      client.write("HTTP/1.1 200 OK\r\nSet-Cookie: visited=yes\r\nContent-Length: #{body.bytesize}\r\n\r\n", body)
    end
  end
end
