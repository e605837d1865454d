# frozen_string_literal: true

# What is done with a contender, `count` times.
module Workloads
  LIVE = "live"
  GROW = "grow"
  WARM_UP = 1_000

  module_function

  # Makes ready for the workload `name`. Returns what is known then, and what to call for a turn, both of which give a
  # Hash.
  def prepare(name, contender, count)
    case name
    when LIVE then live(contender, count)
    when GROW then [{}, -> { grow(contender, count) }]
    else
      workload = all.fetch(name)
      able = workload.call(contender, WARM_UP)
      # Each contender begins with the same number of collections ahead of it.
      GC.start
      [{ "able" => !!able }, -> { { "seconds" => clock { workload.call(contender, count) } } }]
    end
  end

  # Those that take processor time. Each returns nil if the contender cannot do it.
  def all
    {
      "create and free" => ->(contender, count) { each(count, contender.make, contender.free) },
      "create and leave to GC" => ->(contender, count) { left(count, contender.leave) },
      "returned by a function, and free" => lambda do |contender, count|
        contender.from_native && each(count, contender.from_native, contender.free)
      end,
      "free of its own" => ->(contender, count) { contender.own && each(count, contender.own, contender.free) },
      "with a parent, and free" => lambda do |contender, count|
        next unless contender.parent

        parent = contender.make.call
        each(count, -> { contender.parent.call(parent) }, contender.free)
      end,
      "left to GC with a queue" => lambda do |contender, count|
        next unless contender.queue

        make, queue = contender.queue
        left(count, make) { queue.drain }
      end,
      "create and free on 8 threads" => lambda do |contender, count|
        Array.new(8) { Thread.new { each(count / 8, contender.make, contender.free) } }.each(&:join)
      end
    }
  end

  def each(count, make, free)
    i = 0
    while i < count
      free.call(make.call)
      i += 1
    end
    true
  end

  def left(count, make)
    i = 0
    while i < count
      make.call
      i += 1
      yield if block_given? && (i % 1_000).zero?
    end
    GC.start
    yield if block_given?
    true
  end

  # `count` pointers that are alive at once.
  def live(contender, count)
    before = resident
    kept = Array.new(count) { contender.make.call }
    3.times { GC.start }
    bytes = (resident - before) / kept.size.to_f
    [{ "bytes" => bytes }, lambda do
      { "minor GC" => clock { GC.start(full_mark: false) }, "full GC" => clock { GC.start } }
    end]
  end

  # What each of `count` pointers costs that are made, are alive at once, and then left to GC.
  def grow(contender, count)
    seconds = clock do
      kept = Array.new(count) { contender.make.call }
      kept.clear
      GC.start
    end
    { "seconds" => seconds / count }
  end

  def resident
    File.read("/proc/self/status")[/VmRSS:\s+(\d+)/, 1].to_i * 1024
  end

  def clock
    start = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
    yield
    Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) - start
  end
end
