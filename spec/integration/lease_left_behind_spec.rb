# frozen_string_literal: true

require_relative "../support/lessees"

# Ruby resumes a fiber on its own thread only, and unwinds none that it collects.
RSpec.describe "a lease of a fiber that never goes on" do
  include Lessees

  # A class whose own free logs what it is given.
  def logging_type
    Class.new(Handle) do
      def free(mode)
        Events.current << mode
        super()
      end
    end
  end

  # Runs the block on a fiber that ends: nothing on this stack refers to what it makes.
  def on_a_passing_fiber
    Fiber.new { yield && nil }.resume
  end

  def enumerate_within(pointer)
    Enumerator.new { |yielder| pointer.use { yielder << 1 } }.next
  end

  # Each leaves a fiber behind that has a lease on the pointer, and calls the block while it still might go on.
  collected = {
    "is not kept" => ->(pointer, ask) { on_a_passing_fiber { abandon(pointer) && ask.call } },
    "is an Enumerator's" => ->(pointer, ask) { on_a_passing_fiber { enumerate_within(pointer) && ask.call } },
    "has asked itself, in two leases" => lambda { |pointer, ask|
      on_a_passing_fiber { Fiber.new { pointer.use { pointer.use { [ask.call, Fiber.yield] } } }.resume }
    },
    "is of a thread that has ended" => ->(pointer, ask) { Thread.new { abandon(pointer) && ask.call }.join }
  }
  kept = {
    "is of a thread that has ended" => ->(pointer, ask) { @kept = Thread.new { abandon(pointer).tap { ask.call } }.value },
    "is of a thread that was killed" => lambda { |pointer, ask|
      fibers = Queue.new
      thread = Thread.new { fibers << abandon(pointer) && ask.call || Thread.stop }
      @kept = fibers.pop
      wait_until { thread.stop? }
      thread.kill.join
    }
  }

  collected.each do |which, leave|
    it "ends with the collection of the fiber that #{which}, where a free waits" do
      log = in_child do |events|
        pointer = logging_type.new(events.raw)
        instance_exec(pointer, -> { events << pointer.free(:waited) }, &leave)
        events << pointer.freed?
        full_gc
        events << pointer.freed?
      end
      expect(log).to eq [nil, false, :waited, :released, true]
    end

    it "ends with the collection of the fiber that #{which}, and lets the next free release" do
      log = in_child do |events|
        pointer = logging_type.new(events.raw)
        instance_exec(pointer, -> {}, &leave)
        full_gc
        events << pointer.freed?
        pointer.free(:now)
        events << pointer.freed?
      end
      expect(log).to eq [false, :now, :released, true]
    end
  end

  kept.each do |which, leave|
    it "ends with the next free where the fiber is kept and #{which}" do
      log = in_child do |events|
        pointer = logging_type.new(events.raw)
        instance_exec(pointer, -> { events << pointer.free(:waited) }, &leave)
        full_gc
        events << pointer.freed?
        pointer.free(:again)
        events << pointer.freed?
      end
      expect(log).to eq [nil, false, :waited, :released, true]
    end
  end

  it "goes on where the fiber is only kept" do
    log = in_child do |events|
      pointer = Handle.new(events.raw)
      fiber = abandon(pointer)
      pointer.free
      full_gc
      events << pointer.freed?
      fiber.resume
    end
    expect(log).to eq [false, :released]
  end

  it "reports the error of a release that the collection of the fiber lets go on" do
    log = in_child do |events|
      SafePointer.on_release_error { |error, info| events << [error.class, info[:trigger]] }
      { IOError => ->(_) { raise IOError }, LocalJumpError => ->(_) { throw :out } }.each_value do |release|
        pointer = SafePointer.new(FFI::Pointer.new(8), release)
        on_a_passing_fiber { abandon(pointer) && pointer.free }
        catch(:out) { full_gc }
        events << pointer.freed?
      end
    end
    # Another fiber than that of `catch` may come to collect first.
    jump = be(LocalJumpError).or be(UncaughtThrowError)
    expect(log).to match [[IOError, :gc], true, [jump, :gc], true]
  end

  it "keeps neither the fiber nor the pointer, though a free of the class's own waits" do
    rounds = GCLevel::CURRENT == "stress" ? 40 : 200
    log = in_child do |events|
      full_gc
      figures = -> { [SafePointer.stats[:live], ObjectSpace.each_object(SafePointer::Releaser).count] }
      before = figures.call
      rounds.times do
        on_a_passing_fiber do
          pointer = logging_type.new(events.raw)
          abandon(pointer) && pointer.free(:waited)
        end
      end
      2.times { full_gc }
      figures.call.zip(before) { |now, once| events << (now - once) }
    end
    *released, live, releasers = log
    expect(released.tally).to eq(waited: rounds, released: rounds)
    expect([live, releasers]).to match [be < 10, be < 20]
  end

  # The library asks for the threads there are. Meanwhile they end, are collected, and their memory is used again.
  it "may end, with its thread, while somebody who frees asks" do
    log = in_child do |events|
      pointer = Handle.new(events.raw)
      entered = Queue.new
      out_of_reach { 20.times { Thread.new { pointer.use { entered << true && Thread.stop } } } }
      20.times { entered.pop }
      asked = false
      trace = TracePoint.new(:c_return) do
        next if asked

        asked = true
        Thread.new { (Thread.list - [Thread.current, Thread.main]).each { |thread| thread.kill.join } }.join
        Thread.new { 4.times { GC.start } }.join
        Array.new(GC.stress ? 50 : 50_000) { |i| "garbage #{i}" * 2 }
      end
      trace.enable(target_thread: Thread.current) { pointer.free }
      events << asked << pointer.freed?
    end
    expect(log).to eq [:released, true, true]
  end

  # More than the finalizer does in one batch. An error that ends the thread ends with the release.
  it "ends with those of many others, where the report of each third release ends its thread" do
    log = in_child do |events|
      count = 0
      SafePointer.on_release_error { |*| Thread.exit if ((count += 1) % 3).zero? }
      release = lambda { |raw|
        Oracle.free(raw)
        raise "refused"
      }
      pointers = Array.new(300) { SafePointer.new(events.raw, release) }
      on_a_passing_fiber { pointers.each { |pointer| abandon(pointer) && pointer.free } }
      $VERBOSE = nil
      Thread.new { GC.start }.join
      events << pointers.count(&:freed?)
    end
    released = log.pop
    expect(log).to eq [:released] * released
    # A word on a stack may keep some.
    expect(released).to be > 250
  end

  it "keeps off the release of a parent that destroys the child" do
    log = in_child do |events|
      parent = Handle.new(events.raw(:parent))
      children = Array.new(2) { Handle.new(Oracle.create, parent: parent, freed_by_parent: true) }
      other = abandon(children.last)
      on_a_passing_fiber { abandon(children.first) }
      parent.free
      full_gc
      events << parent.freed?
      other.resume
      events << parent.freed? << children.map(&:freed?)
    end
    expect(log).to eq [false, %i[released parent], true, [true, true]]
  end

  it "ends with the next collection in a fork that has left its thread behind, where a free waits" do
    log = in_child do |events|
      events.sign(:parent)
      @old = Array.new(5) { Handle.new(events.raw(:old)) }
      threads = @old.map { |pointer| Thread.new { abandon(pointer) && Thread.stop } }
      threads.each { |thread| wait_until { thread.stop? } }
      @old.each(&:free)
      in_fork_of(events) do
        full_gc
        # A word on a stack may keep one.
        events << (@old.count(&:freed?) > 2)
      end
      events << @old.count(&:freed?)
    end
    expect(log.tally).to eq(%i[released old fork] => 5, true => 1, 0 => 1, %i[released old parent] => 5)
  end
end
