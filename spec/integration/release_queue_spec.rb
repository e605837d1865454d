# frozen_string_literal: true

require_relative "../support/native_handle"
require_relative "../support/queues"

# What comes into a queue, and when it comes out. How it is drained: release_queue_drain_spec.rb. With a thread of its
# own: release_queue_thread_spec.rb.
RSpec.describe "a release queue" do
  include Queues

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
    "of a native class, once there was a lease" => lambda { |queue|
      type = Class.new(NativeHandle) { release_queue queue }
      ->(raw) { type.new(raw).tap { |pointer| pointer.use { nil } } }
    },
    "of a class that was used before" => lambda { |queue|
      Class.new(NativeHandle).tap { |type| type.new(FFI::Pointer.new(0)); type.release_queue(queue) }.method(:new)
    },
    "of one pointer" => ->(queue) { ->(raw) { Handle.new(raw, release_queue: queue) } },
    "of one pointer of a class with another" => lambda { |queue|
      type = Class.new(Handle) { release_queue SafePointer::ReleaseQueue.new }
      ->(raw) { type.new(raw, release_queue: queue) }
    },
    "of one pointer of a native class" => ->(queue) { ->(raw) { NativeHandle.new(raw, release_queue: queue) } },
    "of a struct class" => ->(queue) { Class.new(struct) { layout :x, :int; release_queue queue }.method(:new) },
    "of one struct" => ->(queue) { ->(raw) { struct.new(raw, release_queue: queue) } },
    "of an owner's releaser" => ->(queue) { ->(raw) { owner.new(raw, queue) } }
  }

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

  it "loses nobody when an interrupt comes as a fork asks a class for its policy" do
    log = in_child do |events|
      @queue = queue = SafePointer::ReleaseQueue.new
      interrupts = []
      type = Class.new(Handle) { release_queue queue }
      SafePointer::Fork.singleton_class.prepend(
        Module.new { define_method(:declared_by) { |klass| interrupts.pop ? raise(Interrupt) : super(klass) } }
      )
      drop(type.method(:new), events, :one, :two)
      in_fork_of(events) do
        interrupts << true
        @queue.drain
      rescue Interrupt
        events << [:interrupted, @queue.drain]
      end
      events.sign(:parent)
    end
    released = %i[one two].product(%i[fork parent]).map { |name, process| [:released, name, process] }
    expect(log).to match_array(released << [:interrupted, 1])
  end

  it "is bypassed by an explicit free that had to wait" do
    log = in_child do |events|
      queue = SafePointer::ReleaseQueue.new
      pointer = Handle.new(events.raw, release_queue: queue)
      pointer.use { pointer.free }
      events << queue.high_water
    end
    expect(log).to eq [:released, 0]
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
end
