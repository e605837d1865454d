# frozen_string_literal: true

require "socket"
require_relative "worker"

module Soak
  # The application: a preforking HTTP server. One worker stays, and has a render thread; the other is replaced again and
  # again, and has copies of what the master made before. Says on stdout on which port, what can be
  # requested, and then the samples.
  class Server
    def initialize(plant)
      load(plant) if plant
      @socket = TCPServer.new("127.0.0.1", 0)
    end

    # Serves until the input ends.
    def run
      $stdout.syswrite("#{@socket.local_address.ip_port} #{Work::KINDS.join(" ")}\n")
      lasting = fork { stay }
      work = Work.new
      input = Thread.new { $stdin.read }
      while input.alive?
        Work::KINDS.each { |kind| work.do(kind.name) }
        Sample.take("master", Worker::QUEUES).write
        wait(fork { Worker.new("new worker", @socket, limit: 4 * Worker::INTERVAL).run })
      end
      Process.kill(:TERM, lasting)
      wait(lasting)
    end

    private

    def stay
      trap(:TERM) { exit }
      renderer = RenderThread.new
      at_exit { renderer.stop }
      Worker.new("lasting worker", @socket).run
    end

    def wait(pid)
      _, status = Process.wait2(pid)
      abort "A worker ended with #{status}." unless status.success?
    end
  end
end

Soak::Server.new(ARGV[1]).run
