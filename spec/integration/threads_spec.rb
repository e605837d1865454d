# frozen_string_literal: true

require "timeout"

# No example waits for time to pass: threads meet at queues, or at the gate of
# the oracle, behind which a destructor stays until it is opened.
RSpec.describe "threads that free the same pointer" do
  # All threads start at once. Returns what each returned, once they have.
  def at_once(count)
    ready = Queue.new
    start = Queue.new
    threads = Array.new(count) do |i|
      Thread.new do
        ready << i
        start.pop
        yield i
      end
    end
    count.times { ready.pop }
    start.close
    threads
  end

  # One of the threads is in the destructor and the others are done: then there
  # is one winner, and no loser waited for it.
  def free_through_gate(events, count, &free)
    Oracle.close_gate
    threads = at_once(count, &free)
    wait_until { threads.count(&:alive?) == 1 && Oracle.waiting == 1 }
    events << :others_returned
    Oracle.open_gate
    events << threads.map(&:value)
  end

  it "release it once, and none waits for the other" do
    log = in_child do |events|
      pointer = SafePointer.new(events.raw, Oracle.method(:free_at_gate))
      free_through_gate(events, 8) { pointer.free }
      events << pointer.freed?
    end
    expect(log).to eq [:at_gate, :others_returned, :released, [nil] * 8, true]
  end

  it "run a free of its own once" do
    log = in_child do |events|
      type = Class.new(SafePointer) do
        define_method(:free) do
          events << :own_free
          super()
          :mine
        end
      end
      pointer = type.new(events.raw, Oracle.method(:free_at_gate))
      free_through_gate(events, 8) { pointer.free }
    end
    expect(log[0..3]).to eq [:own_free, :at_gate, :others_returned, :released]
    expect(log.drop(4)).to match [contain_exactly(:mine, *[nil] * 7)]
  end

  it "release it once, each by another trigger" do
    log = in_child do |events|
      type = Class.new(SafePointer) { def self.release(raw) = Oracle.free_at_gate(raw) }
      pointer = type.new(events.raw)
      releaser = pointer.instance_variable_get(:@releaser)
      triggers = [-> { pointer.free }, -> { type.release(pointer) }, -> { releaser.free }, -> { releaser.call(8) }]
      free_through_gate(events, 8) { |i| triggers[i % 4].call && nil }
    end
    expect(log).to eq [:at_gate, :others_returned, :released, [nil] * 8]
  end

  it "each release their own" do
    log = in_child do |events|
      pointers = Array.new(8) { events.pointer }
      at_once(8) { |i| pointers[i].free }.each(&:join)
      events << pointers.all?(&:freed?)
    end
    expect(log).to eq [*[:released] * 8, true]
  end

  it "return nil at once while another runs a free of its own" do
    log = in_child do |events|
      entered = Queue.new
      go_on = Queue.new
      type = Class.new(Handle) do
        define_method(:free) do
          events << :own_free
          entered << true
          go_on.pop
          super()
        end
      end
      pointer = type.new(events.raw)
      first = Thread.new { pointer.free }
      entered.pop
      events << [pointer.free, pointer.freed?, pointer.null?]
      go_on << true
      first.join
      events << [pointer.free, pointer.freed?, pointer.null?]
    end
    expect(log).to eq [:own_free, [nil, false, false], :released, [nil, true, true]]
  end

  it "return nil at once while another is in the release" do
    log = in_child do |events|
      entered = Queue.new
      go_on = Queue.new
      pointer = SafePointer.new(events.raw, lambda { |raw|
        entered << true
        go_on.pop
        Oracle.free(raw)
      })
      first = Thread.new { pointer.free }
      entered.pop
      events << [pointer.free, pointer.freed?]
      go_on << true
      first.join
      events << [pointer.free, pointer.freed?]
    end
    expect(log).to eq [[nil, false], :released, [nil, true]]
  end

  it "can wait for each other inside releases: no lock is held there" do
    log = in_child do |events|
      other_done = Queue.new
      entered = Queue.new
      other = events.pointer(:other)
      pointer = SafePointer.new(events.raw(:waiting), lambda { |raw|
        entered << true
        other_done.pop
        Oracle.free(raw)
      })
      first = Thread.new { pointer.free }
      entered.pop
      other.free
      Handle.new(events.raw(:third)).free
      other_done << true
      first.join
      events << :joined
    end
    expect(log).to eq [[:released, :other], [:released, :third], [:released, :waiting], :joined]
  end

  # What can befall a thread from outside.
  interruptions = {
    "killed" => ->(thread) { thread.kill },
    "timed out" => ->(thread) { thread.raise(Timeout::Error, "too late") },
    "interrupted" => ->(thread) { thread.raise(Interrupt) }
  }

  # Where a thread is when that befalls it: makes a pointer, tells how to wait until a thread that frees it has come
  # there and how to let it go on afterwards, and what has been logged in the end.
  places = {
    "never release again what one was %s in the midst of" => [
      lambda { |events|
        entered = Queue.new
        pointer = SafePointer.new(events.raw, lambda { |_|
          events << :entered
          entered << true
          Thread.stop
        })
        [pointer, -> { entered.pop }, -> {}]
      },
      [:entered]
    ],
    "never run a free of one's own again in which one was %s" => [
      lambda { |events|
        entered = Queue.new
        type = Class.new(Handle) do
          define_method(:free) do
            events << :own_free
            entered << true
            Thread.stop
          end
        end
        [type.new(events.raw), -> { entered.pop }, -> {}]
      },
      [:own_free]
    ],
    "never release again what one was %s in, inside the C destructor" => [
      lambda { |events|
        Oracle.close_gate
        pointer = SafePointer.new(events.raw, Oracle.method(:free_at_gate))
        [pointer, -> { Thread.pass until Oracle.waiting == 1 }, -> { Oracle.open_gate }]
      },
      [:at_gate, :released]
    ]
  }

  interruptions.to_a.product(places.to_a).each do |(what, interrupt), (where, (prepare, expected))|
    it format(where, what) do
      log = in_child do |events|
        pointer, come_there, go_on = prepare.call(events)
        thread = Thread.new { pointer.free }
        thread.report_on_exception = false
        come_there.call
        interrupt.call(thread)
        go_on.call
        wait_until { !thread.alive? }
        events << [pointer.free, pointer.freed?, pointer.null?]
      end
      expect(log).to eq [*expected, [nil, true, true]]
    end
  end

  it "release what a thread made and left behind" do
    log = in_child do |events|
      Thread.new { Handle.new(events.raw) && nil }.join
      full_gc
      events << :collected
    end
    expect(log).to eq [:released, :collected]
  end

  it "may free while collections go on" do
    log = in_child do |events|
      pointers = Array.new(64) { events.pointer }
      collecting = true
      collector = Thread.new { GC.start(full_mark: false) while collecting }
      at_once(4) { |i| pointers.each_slice(4) { |slice| slice.rotate(i).each(&:free) } }.each(&:join)
      collecting = false
      collector.join
      events << pointers.all?(&:freed?)
    end
    expect(log).to eq [*[:released] * 64, true]
  end
end
