# frozen_string_literal: true

# What `SafePointer.trace = true` adds to a pointer, with few calls on the stack and with many: processor time to create
# one and free it, in alternating rounds, and resident bytes while it is alive. See bin/bench --trace.

require "ffi"
require "safe_pointer"
require_relative "performance_page"

# A pointer at some depth of the stack, traced or not.
module Trace
  DEPTHS = [5, 20, 80].freeze
  ROUNDS = 31
  COUNT = 2_000
  LIVE = 20_000

  # The release is the least that one can be.
  class Handle < SafePointer
    def self.release(_pointer) = nil
  end

  module_function

  # Calls the block with so many calls on the stack, on a thread, where there are none yet.
  def at(depth, &block)
    Thread.new { descend(depth, &block) }.value
  end

  def descend(depth, &block)
    caller.size + 2 < depth ? descend(depth, &block) : yield
  end

  # Microseconds for each pointer.
  def clock(traced)
    SafePointer.trace = traced
    start = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
    COUNT.times { |i| Handle.new(FFI::Pointer.new(i + 1)).free }
    (Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) - start) * 1e6 / COUNT
  ensure
    SafePointer.trace = false
  end

  # Resident bytes of each pointer that is alive, in a process of its own.
  def bytes(depth, traced)
    reader, writer = IO.pipe
    Process.wait(fork do
      SafePointer.trace = traced
      before = resident
      kept = at(depth) { Array.new(LIVE) { |i| Handle.new(FFI::Pointer.new(i + 1)) } }
      writer.write((resident - before) / kept.size)
      writer.close
      exit!(true)
    end)
    writer.close
    Integer(reader.read)
  end

  def resident
    GC.start
    File.read("/proc/self/status")[/VmRSS:\s+(\d+)/, 1].to_i * 1024
  end

  def row(depth)
    rounds = at(depth) { Array.new(ROUNDS) { [clock(false), clock(true)] } }
    more = median(rounds.map { |off, on| on - off })
    ratio = median(rounds.map { |off, on| on / off })
    format("| %<depth>d | %<more>.0f | %<ratio>.1f | %<bytes>d |",
           depth: depth, more: more, ratio: ratio, bytes: bytes(depth, true) - bytes(depth, false))
  end

  def median(values)
    values.sort[values.size / 2]
  end

  def table
    ["What tracing adds to a pointer, Ruby #{RUBY_VERSION}, ffi #{FFI::VERSION}, `bin/bench --trace`:", "",
     "| calls on the stack | microseconds more | time, as a ratio to one that is not traced | bytes more |",
     "|---:|---:|---:|---:|",
     *DEPTHS.map { |depth| row(depth) }].join("\n")
  end
end

table = Trace.table
puts table
if ARGV.include?("--publish")
  name = "ruby#{RUBY_VERSION[/\d+\.\d+/]}-trace"
  File.write(File.join(PerformancePage::RESULTS, "#{name}.md"), "#{table}\n")
  PerformancePage.new(File.expand_path("../docs/diagnostics.md", __dir__)).insert(name)
end
