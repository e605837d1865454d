# frozen_string_literal: true

require_relative "../support/native_handle"
require_relative "../support/queues"

# What a release may do to the queue that it comes out of, and how it may end.
RSpec.describe "a release queue while it is drained" do
  include Queues

  it "goes on after errors, and reports each" do
    log = in_child do |events|
      SafePointer.on_release_error { |error, info| events << [error.class, info] }
      queue = queue_of(
        ->(_) { raise "no" }, ->(_) { raise NoMemoryError }, ->(_) { raise NotImplementedError }, ->(_) { events << :ok }
      )
      events << queue.drain
    end
    info = a_hash_including(class: FFI::Pointer, address: 64, trigger: :queue)
    errors = [RuntimeError, NoMemoryError, NotImplementedError].map { |error| [error, info] }
    expect(log).to match [*errors, :ok, 4]
  end

  it "is not drained again by the handler of an error" do
    log = in_child do |events|
      queue = queue_of(->(_) { raise "no" }, ->(_) { events << :ok })
      SafePointer.on_release_error { |_, _| events << [:handler, queue.drain] }
      events << queue.drain
    end
    expect(log).to eq [[:handler, 0], :ok, 2]
  end

  it "is not drained by the release of a pointer that is freed" do
    log = in_child do |events|
      queue = queue_of(->(_) { events << :queued })
      pointer = SafePointer.new(events.raw, lambda { |raw|
        events << queue.drain
        Oracle.free(raw)
      })
      pointer.free
      events << queue.drain
    end
    expect(log).to eq [0, :released, :queued, 1]
  end

  it "is drained by a process that a release has forked" do
    log = in_child do |events|
      queue = queue_of(->(_) { events << :queued })
      pointer = SafePointer.new(events.raw, lambda { |raw|
        in_fork_of(events) do
          events << queue.drain
          exit!(true)
        end
        Oracle.free(raw)
      })
      pointer.free
    end
    expect(log).to eq [:queued, 1, :released, :queued]
  end

  it "warns of an error where there is no handler" do
    child = fork_child { queue_of(->(_) { raise "no" }).drain }
    block = "#{__FILE__}:#{__LINE__ - 1}"
    expect(child.stderr).to start_with "safe_pointer: release of FFI::Pointer address=#{Address.print(64)} by a block at " \
                                       "#{block} from a queue raised RuntimeError: no "
  end

  { "exit" => [SystemExit, "bye"], "an interrupt" => [Interrupt, "now"] }.each do |what, (error, message)|
    it "lets #{what} out, which is meant for more than a release, and keeps the rest" do
      log = in_child do |events|
        SafePointer.on_release_error { |reported, _| events << reported.class }
        queue = queue_of(->(_) { raise error, message }, ->(_) { events << :ok })
        begin
          queue.drain
        rescue error => raised
          events << raised.message << queue.size << queue.drain
        end
      end
      expect(log).to eq [message, 1, :ok, 1]
    end
  end

  # What is done, and the log of it.
  {
    "lets a throw through, after which the rest still waits" => [
      lambda { |events|
        queue = queue_of(->(_) { throw :out, :thrown }, ->(_) { events << :rest })
        events << catch(:out) { queue.drain } << queue.size << queue.drain
      },
      [:thrown, 1, :rest, 1]
    ],
    "does nothing more for a release that drains it, or another one" => [
      lambda { |events|
        other = queue_of(->(_) { events << :other })
        queue = nil
        queue = queue_of(->(_) { events << [queue.drain, other.drain] }, ->(_) { events << :second })
        events << queue.drain << other.drain
      },
      [[0, 0], :second, 2, :other, 1]
    ],
    "does nothing for an own free that drains it" => [
      lambda { |events|
        queue = queue_of(->(_) { events << :waiting })
        type = Class.new(Handle) { define_method(:free) { Events.current << queue.drain } }
        type.new(events.raw).free
        events << queue.drain
      },
      [0, :waiting, 1]
    ],
    "does not wait for a release that is suspended on another fiber of the thread" => [
      lambda { |events|
        queue = queue_of(->(_) { events << [Fiber.yield, queue.drain] }, ->(_) { events << :second })
        other = queue_of(->(_) { events << :other })
        fiber = Fiber.new { queue.drain }
        fiber.resume
        events << other.drain << queue.drain
        events << fiber.resume(:resumed)
      },
      [:other, 1, :second, 1, [:resumed, 0], 1]
    ],
    "keeps what a release closes it with for the next time" => [
      lambda { |events|
        queue = nil
        queue = queue_of(->(_) { queue.close }, ->(_) { events << :second })
        events << queue.drain(max: 1) << queue.closed? << queue.drain
      },
      [1, true, :second, 1]
    ],
    "does as much as was there, and leaves what comes meanwhile for the next time" => [
      lambda { |events|
        @queue = queue = SafePointer::ReleaseQueue.new
        again = lambda do |raw|
          events << raw
          SafePointer::Releaser.new(raw + 1, again, release_queue: queue).call(0) if raw < 4
        end
        SafePointer::Releaser.new(1, again, release_queue: queue).call(0)
        2.times { events << :drained << queue.drain }
      },
      [:drained, 1, 1, :drained, 2, 1, 3, 4]
    ]
  }.each do |what, (steps, expected)|
    it what do
      log = in_child { |events| instance_exec(events, &steps) }
      expect(log).to eq expected
    end
  end

  it "lets a release collect garbage, make pointers and drop the last reference to others" do
    log = in_child do |events|
      queue = SafePointer::ReleaseQueue.new
      native = Class.new(NativeHandle) { release_queue queue }
      ruby = Class.new(Handle) { release_queue queue }
      make = lambda do
        inner = [native.new(Events.current.raw(:inner)), ruby.new(Events.current.raw(:inner))]
        SafePointer.new(Events.current.raw(:outer), lambda { |raw|
          inner.clear
          native.new(Events.current.raw(:made)).free
          GC.start
          Oracle.free(raw)
        }, release_queue: queue)
        nil
      end
      out_of_reach(&make)
      full_gc
      events << queue.drain
      full_gc
      events << queue.drain
    end
    expect(log).to eq [%i[released made], %i[released outer], 1, %i[released inner], %i[released inner], 2]
  end

  it "serves several threads, each release once" do
    log = in_child do |events|
      queue = SafePointer::ReleaseQueue.new
      types = [Handle, NativeHandle].map { |base| Class.new(base) { release_queue queue } }
      drop(->(raw) { types.rotate!.first.new(raw) }, events, *[nil] * 100)
      events << Array.new(4) { Thread.new { Array.new(20) { queue.drain(max: 3) }.sum } }.sum(&:value)
    end
    expect(log.tally).to eq(released: 100, 100 => 1)
  end
end
