# frozen_string_literal: true

require "ffi"
require "json"
require "safe_pointer"
require_relative "../support/growth"

module Soak
  # The figures of a process at one time: what C and Ruby have allocated in bytes, the pointers that are alive and do not
  # wait in a queue, and those that were released, by cause.
  Sample = Struct.new(:process, :bytes, :live, :released, keyword_init: true) do
    # Of this process, when all that can be collected is.
    def self.take(process, queues)
      3.times { GC.start }
      stats = SafePointer.stats
      live = stats[:live] - queues.sum(&:size)
      new(process: process, bytes: Growth::Memory.bytes, live: live, released: stats[:released])
    end

    # One of those that `write` has written.
    def self.parse(line)
      new(**JSON.parse(line, symbolize_names: true))
    end

    # A line on stdout.
    def write
      $stdout.syswrite("#{JSON.generate(to_h)}\n")
    end
  end
end
