# frozen_string_literal: true

require_relative "../../spec/gems/echo_server"

# A process that serves HTTP on loopback. It outlives the programs, so that its time is not among theirs.
module Server
  # Calls the block with its URL.
  def self.open
    urls, out = IO.pipe
    pid = fork do
      EchoServer.open do |url|
        out.puts(url)
        sleep
      end
    end
    out.close
    yield urls.gets.chomp
  ensure
    Process.kill(:KILL, pid)
    Process.wait(pid)
    urls.close
  end
end
