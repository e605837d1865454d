# frozen_string_literal: true

require_relative "render_thread"
require_relative "sample"
require_relative "work"

module Soak
  # Answers requests on some threads, and writes a sample now and then. Between every other two, each pointer that is
  # made is traced.
  class Worker
    THREADS = 3
    # Requests between two samples.
    INTERVAL = 100
    QUEUES = [Work::Queued.release_queue, RenderThread::QUEUE].freeze

    # `limit`: how many requests it answers; nil for no end.
    def initialize(name, socket, limit: nil)
      @name = name
      @socket = socket
      @limit = limit
      @begun = 0
      @work = Work.new
    end

    def run
      Array.new(THREADS) { Thread.new { answer(@socket.accept) while more? } }.each(&:join)
    end

    private

    def more?
      begun = (@begun += 1)
      SafePointer.trace = (begun / INTERVAL).even?
      Sample.take(@name, QUEUES).write if (begun % INTERVAL).zero?
      @limit.nil? || begun <= @limit
    end

    def answer(client)
      kind = client.gets.to_s[%r{\AGET /(\w+)}, 1]
      nil until client.gets.to_s.strip.empty?
      @work.do(kind)
      client.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ndone")
    ensure
      client.close
    end
  end
end
