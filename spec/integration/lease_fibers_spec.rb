# frozen_string_literal: true

require_relative "../support/lessees"
require_relative "../support/native_handle"

# A lease belongs to the fiber that took it: threads have many, which take turns.
RSpec.describe "a lease of a fiber" do
  include Lessees

  kinds = {
    "a pointer" => -> { Handle },
    "a pointer that a C function releases" => -> { NativeHandle },
    "a pointer with a free of its own" => -> { Class.new(Handle) { def free = super } }
  }

  kinds.each do |what, type|
    it "on #{what} is none of another's on its thread, once a free waits for it" do
      log = in_child do |events|
        pointer = type.call.new(events.raw)
        first = leasing_fiber(pointer)
        events << granted?(pointer)
        pointer.free
        events << [granted?(pointer), Fiber.new { granted?(pointer) }.resume, pointer.freed?]
        first.resume
        events << [granted?(pointer), pointer.freed?]
      end
      expect(log).to eq [true, [false, false, false], :released, [false, true]]
    end

    it "on #{what} may be nested on that fiber, when a free waits, too" do
      log = in_child do |events|
        pointer = type.call.new(events.raw)
        fiber = Fiber.new do
          pointer.use do
            pointer.free
            Fiber.yield granted?(pointer)
            pointer.use { Fiber.yield granted?(pointer) }
            events << pointer.freed?
          end
        end
        events << fiber.resume << granted?(pointer) << fiber.resume << granted?(pointer)
        fiber.resume
      end
      expect(log).to eq [true, false, true, false, false, :released]
    end

    it "on #{what} does not keep it for fibers that begin before it has ended" do
      log = in_child do |events|
        pointer = type.call.new(events.raw)
        previous = leasing_fiber(pointer)
        pointer.free
        rounds = 0
        while rounds < 20 && granted?(pointer)
          current = leasing_fiber(pointer)
          previous.resume
          previous = current
          rounds += 1
        end
        previous.resume
        events << rounds << pointer.freed?
      end
      expect(log).to eq [:released, 0, true]
    end
  end

  it "ends by itself, in whatever order they end" do
    log = in_child do |events|
      pointer = Handle.new(events.raw)
      fibers = Array.new(4) { leasing_fiber(pointer) }
      pointer.free
      fibers.values_at(2, 0, 3).each(&:resume)
      events << pointer.freed?
      fibers[1].resume
    end
    expect(log).to eq [false, :released]
  end

  it "is the one that frees in it, and others keep the release off" do
    log = in_child do |events|
      pointer = Handle.new(events.raw)
      other = leasing_fiber(pointer)
      pointer.use { pointer.free }
      events << granted?(pointer) << pointer.freed?
      other.resume
    end
    expect(log).to eq [false, false, :released]
  end

  it "may be an Enumerator's, which is a fiber, too" do
    log = in_child do |events|
      pointer = Handle.new(events.raw)
      rows = Enumerator.new do |yielder|
        pointer.use { 3.times { |row| pointer.use { yielder << row } } }
      end
      events << rows.next
      pointer.free
      events << granted?(pointer) << rows.next << rows.next
      events << (rows.next rescue $!.class)
    end
    expect(log).to eq [0, false, 1, 2, :released, StopIteration]
  end

  it "ends when something is raised in it from outside" do
    log = in_child do |events|
      pointer = Handle.new(events.raw)
      fiber = leasing_fiber(pointer)
      pointer.free
      events << (fiber.raise(IOError, "stop") rescue $!.message)
    end
    expect(log).to eq [:released, "stop"]
  end

  it "ends when it is killed", if: Fiber.method_defined?(:kill) do
    log = in_child do |events|
      pointer = Handle.new(events.raw)
      fiber = leasing_fiber(pointer)
      pointer.free
      fiber.kill
      events << fiber.alive?
    end
    expect(log).to eq [:released, false]
  end

  it "goes on although another thread has tried to resume it, which Ruby refuses" do
    log = in_child do |events|
      pointer = Handle.new(events.raw)
      fiber = leasing_fiber(pointer)
      events << Thread.new { fiber.resume rescue $!.class }.value
      pointer.free
      events << pointer.freed?
      fiber.resume
    end
    expect(log).to eq [FiberError, false, :released]
  end

  { "fiber" => -> { Fiber.current.freeze }, "thread" => -> { Thread.current.freeze } }.each do |what, freeze|
    it "works on a frozen #{what}" do
      log = in_child do |events|
        pointer = Handle.new(events.raw)
        thread = Thread.new do
          freeze.call
          pointer.use { pointer.use { pointer.free || events << granted?(pointer) } }
        end
        thread.join
        events << pointer.freed?
      end
      expect(log).to eq [true, :released, true]
    end
  end

  it "of a thread that is killed while it runs ends there" do
    log = in_child do |events|
      pointer = Handle.new(events.raw)
      entered = Queue.new
      thread = Thread.new { Fiber.new { pointer.use { entered << true && Thread.stop } }.resume }
      entered.pop
      pointer.free
      thread.kill.join
      events << pointer.freed?
    end
    expect(log).to eq [:released, true]
  end

  it "leaves nothing behind, however often a free has waited for it" do
    log = in_child do |events|
      count = -> { [SafePointer::Releaser, Fiber].map { |type| ObjectSpace.each_object(type).count } }
      before = count.call
      (GCLevel::CURRENT == "stress" ? 200 : 3_000).times do
        pointer = SafePointer.new(FFI::Pointer.new(8), ->(_) { nil })
        Fiber.new { pointer.use { pointer.free } }.resume
      end
      GC.start
      count.call.zip(before) { |now, there| events << (now - there) }
    end
    expect(log).to match [be < 100, be < 100]
  end

  describe "in a fork" do
    it "made from another fiber goes on in both processes" do
      log = in_child do |events|
        events.sign(:parent)
        @old = Handle.new(events.raw(:old))
        fiber = leasing_fiber(@old)
        in_fork_of(events) do
          @old.free
          events << [granted?(@old), @old.freed?]
          fiber.resume
        end
        events << granted?(@old)
        @old.free
        fiber.resume
      end
      expect(log).to eq [[false, false], %i[released old fork], true, %i[released old parent]]
    end

    it "made from within it is over at the end of both processes" do
      log = in_child do |events|
        events.sign(:parent)
        @old = Handle.new(events.raw(:old))
        Fiber.new { @old.use { in_fork_of(events) { events << [@old.free, granted?(@old), @old.freed?] } } }.resume
        events << @old.freed?
      end
      expect(log).to eq [[nil, true, false], %i[released old fork], false, %i[released old parent]]
    end

    it "made within it, without a block, ends in both" do
      log = in_child do |events|
        events.sign(:parent)
        @old = Handle.new(events.raw(:old))
        fiber = Fiber.new do
          @old.use do
            pid = fork
            pid ? Process.wait(pid) : events.sign(:fork)
            @old.free
          end
        end
        fiber.resume
      end
      expect(log).to eq [%i[released old fork], %i[released old parent]]
    end
  end
end
