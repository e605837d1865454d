# frozen_string_literal: true

require_relative "../support/native_handle"

RSpec.describe "a release queue" do
  # A queue, and what puts pointers to raw ones into it. Nothing but these keeps what they make alive.
  struct = Class.new(SafePointer::ManagedStruct) do
    layout :x, :int
    def self.release(raw) = Oracle.free(raw)
  end
  owner = Class.new do
    def initialize(raw, queue)
      @releaser = SafePointer::Releaser.attach(self, raw, Oracle.method(:free), release_queue: queue)
    end

    def free = @releaser.free
  end
  ways = {
    "of a class" => ->(queue) { Class.new(Handle) { release_queue queue }.method(:new) },
    "of a superclass" => ->(queue) { Class.new(Class.new(Handle) { release_queue queue }).method(:new) },
    "of a native class" => ->(queue) { Class.new(NativeHandle) { release_queue queue }.method(:new) },
    "of a class that was used before" => lambda { |queue|
      Class.new(NativeHandle).tap { |type| type.new(FFI::Pointer.new(0)); type.release_queue(queue) }.method(:new)
    },
    "of one pointer" => ->(queue) { ->(raw) { Handle.new(raw, release_queue: queue) } },
    "of one pointer of a native class" => ->(queue) { ->(raw) { NativeHandle.new(raw, release_queue: queue) } },
    "of a struct class" => ->(queue) { Class.new(struct) { layout :x, :int; release_queue queue }.method(:new) },
    "of one struct" => ->(queue) { ->(raw) { struct.new(raw, release_queue: queue) } },
    "of an owner's releaser" => ->(queue) { ->(raw) { owner.new(raw, queue) } }
  }

  # Has so many pointers made and dropped.
  def drop(make, events, *names)
    out_of_reach { names.each { |name| make.call(events.raw(name)) } }
    full_gc
  end

  ways.each do |what, way|
    describe what do
      it "keeps what GC has found dead until it is drained, on the thread that drains" do
        log = in_child do |events|
          queue = SafePointer::ReleaseQueue.new
          drop(way.call(queue), events, :one, :two, :three)
          events << queue.size
          events << Thread.new { queue.drain(max: 2) }.value
          events << [queue.size, queue.drain, queue.drain, queue.high_water]
        end
        expect(log.values_at(0, 3, 5)).to eq [3, 2, [1, 1, 0, 3]]
        expect(log.grep(Array).grep_v([1, 1, 0, 3])).to match_array [%i[released one], %i[released two], %i[released three]]
      end

      it "is bypassed by an explicit free" do
        log = in_child do |events|
          queue = SafePointer::ReleaseQueue.new
          made = way.call(queue).call(events.raw)
          made.free
          events << queue.high_water
        end
        expect(log).to eq [:released, 0]
      end

      it "is left alone once it is closed" do
        log = in_child do |events|
          queue = SafePointer::ReleaseQueue.new
          make = way.call(queue)
          drop(make, events, :before)
          queue.close
          events << :closed
          drop(make, events, :after)
          events << queue.size
        end
        expect(log).to eq [%i[released before], :closed, %i[released after], 0]
      end

      it "is emptied at exit" do
        log = in_child do |events|
          @queue = SafePointer::ReleaseQueue.new
          make = way.call(@queue)
          @kept = make.call(events.raw(:kept))
          drop(make, events, :dropped)
          events << @queue.size
        end
        expect(log.first).to be 1
        expect(log.drop(1)).to contain_exactly(%i[released dropped], %i[released kept])
      end

      it "that nobody has any more is emptied at exit" do
        log = in_child do |events|
          make = lambda do
            dropped = way.call(SafePointer::ReleaseQueue.new)
            3.times { dropped.call(Events.current.raw) }
            nil
          end
          out_of_reach(&make)
          3.times { full_gc }
        end
        expect(log).to eq %i[released released released]
      end

      it "is emptied by both after a fork" do
        log = in_child do |events|
          @queue = SafePointer::ReleaseQueue.new
          drop(way.call(@queue), events, :one)
          in_fork_of(events) { @queue.drain }
          events.sign(:parent)
          @queue.drain
        end
        expect(log).to eq [%i[released one fork], %i[released one parent]]
      end
    end
  end

  {"Handle" => Handle, "NativeHandle" => NativeHandle}.each do |name, base|
    it "left to a fork that is to leave its #{name}s alone is emptied without a release there" do
      log = in_child do |events|
        @queue = queue = SafePointer::ReleaseQueue.new
        type = Class.new(base) { fork_policy :discard; release_queue queue }
        drop(type.method(:new), events, :one, :two)
        in_fork_of(events) { @queue.drain(max: 1) }
        events.sign(:parent)
      end
      expect(log).to contain_exactly(%i[released one parent], %i[released two parent])
    end
  end

  describe "while it is drained" do
    # A queue with one job for each block.
    def queue_of(*releases)
      SafePointer::ReleaseQueue.new.tap do |queue|
        releases.each { |release| SafePointer::Releaser.new(FFI::Pointer.new(64), release, release_queue: queue).call(0) }
      end
    end

    it "goes on after errors, and reports each" do
      log = in_child do |events|
        SafePointer.on_release_error { |error, info| events << [error.class, info] }
        queue = queue_of(
          ->(_) { raise "no" }, ->(_) { raise NoMemoryError }, ->(_) { raise NotImplementedError }, ->(_) { events << :ok }
        )
        events << queue.drain
      end
      info = { class: FFI::Pointer, address: 64, trigger: :queue }
      errors = [RuntimeError, NoMemoryError, NotImplementedError].map { |error| [error, info] }
      expect(log).to eq [*errors, :ok, 4]
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

    it "warns of an error where there is no handler" do
      child = fork_child { queue_of(->(_) { raise "no" }).drain }
      expect(child.stderr).to eq(
        "safe_pointer: release of FFI::Pointer address=0x0000000000000040 from a queue raised RuntimeError: no\n"
      )
    end

    it "lets a throw through, after which the rest still waits" do
      log = in_child do |events|
        queue = queue_of(->(_) { throw :out, :thrown }, ->(_) { events << :rest })
        events << catch(:out) { queue.drain } << queue.size << queue.drain
      end
      expect(log).to eq [:thrown, 1, :rest, 1]
    end

    it "does nothing more for a release that drains it, or another one" do
      log = in_child do |events|
        other = queue_of(->(_) { events << :other })
        queue = nil
        queue = queue_of(->(_) { events << [queue.drain, other.drain] }, ->(_) { events << :second })
        events << queue.drain << other.drain
      end
      expect(log).to eq [[0, 0], :second, 2, :other, 1]
    end

    it "does nothing for an own free that drains it" do
      log = in_child do |events|
        queue = queue_of(->(_) { events << :waiting })
        type = Class.new(Handle) { define_method(:free) { Events.current << queue.drain } }
        type.new(events.raw).free
        events << queue.drain
      end
      expect(log).to eq [0, :waiting, 1]
    end

    it "keeps what a release closes it with for the next time" do
      log = in_child do |events|
        queue = nil
        queue = queue_of(->(_) { queue.close }, ->(_) { events << :second })
        events << queue.drain(max: 1) << queue.closed? << queue.drain
      end
      expect(log).to eq [1, true, :second, 1]
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

    it "does as much as was there, and leaves what comes meanwhile for the next time" do
      log = in_child do |events|
        queue = SafePointer::ReleaseQueue.new
        again = lambda do |raw|
          events << raw
          SafePointer::Releaser.new(raw + 1, again, release_queue: queue).call(0) if raw < 4
        end
        SafePointer::Releaser.new(1, again, release_queue: queue).call(0)
        2.times { events << :drained << queue.drain }
        @queue = queue
      end
      expect(log).to eq [:drained, 1, 1, :drained, 2, 1, 3, 4]
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

  it "loses nobody when one waits in it twice" do
    log = in_child do |events|
      queue = SafePointer::ReleaseQueue.new
      twice, *others = %i[twice a b c].map { |name|
        SafePointer::Releaser.new(events.raw(name), Oracle.method(:free), release_queue: queue)
      }
      [twice, *others.first(2), twice, others.last].each { |releaser| releaser.call(0) }
      queue.drain
    end
    expect(log).to match_array(%i[twice a b c].map { |name| [:released, name] })
  end

  it "loses nobody when an owner has been copied" do
    log = in_child do |events|
      queue = SafePointer::ReleaseQueue.new
      make = lambda do
        %i[one two three four].each do |name|
          owner = Object.new
          SafePointer::Releaser.attach(owner, Events.current.raw(name), Oracle.method(:free), release_queue: queue)
          2.times { owner.clone }
        end
        nil
      end
      out_of_reach(&make)
      full_gc
      queue.drain
      events << queue.size
    end
    expect(log).to match_array([*%i[one two three four].map { |name| [:released, name] }, 0])
  end

  describe "of a family" do
    it "releases the child first, though each has a queue of its own" do
      log = in_child do |events|
        queues = Array.new(3) { SafePointer::ReleaseQueue.new }
        types = queues.map.with_index { |queue, i| Class.new([Handle, NativeHandle][i % 2]) { release_queue queue } }
        make = lambda do
          old = types[0].new(Events.current.raw(:old))
          middle = types[1].new(Events.current.raw(:middle), parent: old)
          types[2].new(Events.current.raw(:young), parent: middle)
          nil
        end
        out_of_reach(&make)
        full_gc
        events << queues.map(&:size)
        events << queues.map(&:drain) until queues.all?(&:empty?)
      end
      expect(log.first).to eq [1, 1, 1]
      expect(log.grep(Array).select { |event| event.first == :released }.map(&:last)).to eq %i[young middle old]
    end

    it "is the place of a parent's release that a child's explicit free makes due" do
      log = in_child do |events|
        queue = SafePointer::ReleaseQueue.new
        type = Class.new(Handle) { release_queue queue }
        releaser = SafePointer::Releaser.new(events.raw(:parent), Oracle.method(:free), release_queue: queue)
        child = type.new(events.raw(:child), parent: releaser)
        releaser.call(0)
        events << queue.drain
        child.free
        events << queue.size << queue.drain
      end
      expect(log).to eq [1, %i[released child], 1, %i[released parent], 1]
    end
  end

  describe "with a thread of its own" do
    it "is drained by it, on which errors make no difference" do
      log = in_child do |events|
        SafePointer.on_release_error { |error, info| events << [error.class, info[:trigger]] }
        queue = SafePointer::ReleaseQueue.new(thread: true)
        threads = Thread::Queue.new
        2.times do
          release = lambda { |_|
            threads << Thread.current
            raise "no"
          }
          drop(->(_) { SafePointer.new(FFI::Pointer.new(64), release, release_queue: queue) }, events, nil)
          events << (threads.pop == Thread.main)
        end
        queue.close
      end
      expect(log - [false]).to eq [[RuntimeError, :queue]] * 2
      expect(log.count(false)).to be 2
    end

    it "does not keep the process alive, and empties at exit" do
      log = in_child do |events|
        @queue = queue = SafePointer::ReleaseQueue.new(thread: true)
        @kept = Class.new(NativeHandle) { release_queue queue }.new(events.raw)
        events << :end
      end
      expect(log).to eq %i[end released]
    end

    it "does not get in the way of a fork in a release at exit, when Ruby starts no thread" do
      child = run_ruby(<<~RUBY)
        QUEUE = SafePointer::ReleaseQueue.new(thread: true)
        kept = SafePointer.new(Oracle.create) do |raw|
          Process.wait(fork { events << :forked; exit! })
          Oracle.free(raw)
        end
      RUBY
      expect(child).to be_quiet, child.inspect
      expect(child.events).to eq %i[forked released]
    end

    it "drains in a fork, too" do
      log = in_child do |events|
        done = Thread::Queue.new
        queue = SafePointer::ReleaseQueue.new(thread: true)
        release = lambda { |raw|
          Oracle.free(raw)
          done << (Thread.current == Thread.main)
        }
        in_fork_of(events) do
          drop(->(raw) { SafePointer.new(raw, release, release_queue: queue) }, events, :there)
          events << done.pop
        end
        events.sign(:parent)
        drop(->(raw) { SafePointer.new(raw, release, release_queue: queue) }, events, :here)
        events << done.pop
      end
      expect(log).to eq [%i[released there fork], false, %i[released here parent], false]
    end

    it "has none any more when it is closed" do
      log = in_child do |events|
        before = Thread.list
        queue = SafePointer::ReleaseQueue.new(thread: true)
        worker = (Thread.list - before).first
        queue.close
        events << [worker.name, worker.join.equal?(worker), queue.closed?]
      end
      expect(log).to eq [["SafePointer::ReleaseQueue", true, true]]
    end

    it "gets another one when that has been killed" do
      log = in_child do |events|
        before = Thread.list
        queue = SafePointer::ReleaseQueue.new(thread: true)
        (Thread.list - before).first.kill.join
        done = Thread::Queue.new
        release = lambda { |raw|
          Oracle.free(raw)
          done << true
        }
        drop(->(raw) { SafePointer.new(raw, release, release_queue: queue) }, events, nil)
        events << done.pop
      end
      expect(log).to eq [:released, true]
    end
  end
end
