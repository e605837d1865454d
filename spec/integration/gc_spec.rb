# frozen_string_literal: true

RSpec.describe "garbage collection of SafePointers" do
  makers = {
    "with a callable" => ->(raw) { SafePointer.new(raw, Oracle.method(:free)) },
    "with a class's release" => ->(raw) { Handle.new(raw) },
    "with a block" => ->(raw) { SafePointer.new(raw) { |pointer| Oracle.free(pointer) } },
    "with a C function" => lambda { |raw|
      destructor = Oracle.ffi_libraries.first.find_function("oracle_free")
      SafePointer.new(raw, FFI::Function.new(:void, [:pointer], destructor))
    }
  }

  makers.each do |what, make|
    it "releases a pointer #{what}" do
      log = in_child do |events|
        out_of_reach { make.call(events.raw) }
        full_gc
        events << :collected
      end
      expect(log).to eq [:released, :collected]
    end
  end

  it "releases a pointer which is frozen" do
    log = in_child do |events|
      out_of_reach { Handle.new(events.raw).freeze }
      full_gc
      events << :collected
    end
    expect(log).to eq [:released, :collected]
  end

  # Ruby tells the fiber that collects what is to be done afterwards. An enumerator's makes an array for what it is to
  # return, and goes to sleep. The first one makes other objects, too, and is told in time.
  it "releases what is found dead after a fiber has collected and never went on" do
    names = %i[a b c d e f]
    log = in_child do |events|
      sleeping = names.each_slice(2).map do |before, after|
        out_of_reach { Handle.new(events.raw(before)) }
        enumerator = Enumerator.new { |numbers| GC.stress = true and numbers << 1 }
        enumerator.next
        GC.stress = false
        out_of_reach { Handle.new(events.raw(after)) }
        full_gc
        enumerator
      end
      events << [:collected, sleeping.size]
    end
    expect(log.pop).to eq [:collected, 3]
    expect(log).to match_array(names.map { |name| [:released, name] })
  end

  # Where Ruby frees the data of pointers in the midst of a collection, some of many see to the releases of the others.
  describe "of many pointers" do
    names = Array.new(70) { |i| :"n#{i}" }

    it "releases each" do
      log = in_child do |events|
        out_of_reach { names.each { |name| Handle.new(events.raw(name)) } }
        full_gc
        events << :collected
      end
      expect(log.pop).to be :collected
      expect(log).to match_array(names.map { |name| [:released, name] })
    end

    # Made on a stack of their own: Ruby leaves the last one on this one, as it does an AutoPointer, on 32 bits and, with
    # YJIT, from 4.0.
    it "releases one that dies alone, whichever it is" do
      log = in_child do |events|
        pointers = []
        out_of_reach { names.each { |name| pointers << Handle.new(events.raw(name)) } }
        names.each do |name|
          out_of_reach { pointers.shift }
          full_gc
          events << [:collected, name]
        end
      end
      expect(log).to eq(names.flat_map { |name| [[:released, name], [:collected, name]] })
    end

    # Made so for the same reason.
    it "releases one that dies alone in a fork", :room do
      log = in_child do |events|
        pointers = []
        out_of_reach { names.each { |name| pointers << Handle.new(events.raw(name)) } }
        in_fork_of(events) do
          out_of_reach { pointers.pop }
          full_gc
          events << [:collected, pointers.size]
          exit!(true)
        end
        pointers.each(&:detach)
      end
      expect(log).to eq [[:released, names.last, :fork], [:collected, names.size - 1]]
    end
  end

  it "leaves a pointer in use alone" do
    log = in_child do |events|
      pointer = Handle.new(events.raw)
      full_gc
      events << pointer.freed?
      pointer.free
    end
    expect(log).to eq [false, :released]
  end

  it "leaves the parent alone that only its child still has" do
    log = in_child do |events|
      children = []
      out_of_reach { 20.times { children << events.pointer(:child, parent: events.pointer(:parent)) } }
      full_gc
      # In the place of what is gone there is something else.
      others = Array.new(1_000) { Object.new }
      events << [children.map { |child| child.parent.class }.tally, children.count { |child| child.parent.freed? }]
      (children + children.map(&:parent)).each(&:detach)
      others.clear
    end
    expect(log).to eq [[{SafePointer => 20}, 0]]
  end

  it "takes the callable of a pointer that is freed" do
    log = in_child do |events|
      callables = ObjectSpace::WeakMap.new
      freed = []
      out_of_reach do
        20.times do
          callable = ->(raw) { Oracle.free(raw) }
          callables[callable] = callable
          freed << SafePointer.new(events.raw, callable)
        end
      end
      full_gc
      events << callables.size
      freed.each(&:free)
      full_gc
      # A word on a stack may keep one.
      events << (callables.size < 5) << freed.size
    end
    expect(log).to eq [20, *Array.new(20, :released), true, 20]
  end

  it "finds what a release needs when that has moved" do
    log = in_child do |events|
      pointers = Array.new(50) do |i|
        Array.new(20) { Object.new }
        Handle.new(events.raw(:"n#{i}"))
      end
      GC.verify_compaction_references(toward: :empty)
      pointers.each(&:free)
      GC.verify_compaction_references(toward: :empty)
      events << pointers.map(&:freed?).tally
    end
    expect(log.pop).to eq({true => 50})
    expect(log).to eq(Array.new(50) { |i| [:released, :"n#{i}"] })
  end

  it "leaves a pointer alone that only a struct still uses" do
    log = in_child do |events|
      type = Class.new(FFI::Struct) { layout :x, :int }
      struct = type.new(Handle.new(events.raw))
      full_gc
      struct[:x] = 42
      events << struct[:x]
    end
    expect(log).to eq [42, :released]
  end

  it "releases each of many once" do
    log = in_child do |events|
      out_of_reach do
        100.times do |i|
          pointer = Handle.new(events.raw)
          pointer.free if i.even?
        end
      end
      full_gc
      events << :collected
    end
    expect(log).to eq [*[:released] * 100, :collected]
  end

  # In the midst of a sweep, too: what waits keeps objects alive, and the heap grows where the next collection finds them.
  # When Ruby comes to the finalizer is a matter of luck, so there are several rounds.
  it "has few wait while the program makes more", unless: GCLevel::CURRENT == "stress" do
    log = in_child do |events|
      queue = SafePointer::ReleaseQueue.default
      most = 0
      kept = Array.new(5) do
        20_000.times do
          SafePointer.new(FFI::Pointer.new(8)) { nil }
          most = [most, queue.size].max
        end
        GC.start
        Array.new(3_000) { +"" }
      end
      events << [kept.size, most < 2_000]
    end
    expect(log).to eq [[5, true]]
  end

  it "releases what a dead pointer's release was the last to keep" do
    log = in_child do |events|
      make_outer = lambda do
        inner = Handle.new(events.raw(:inner))
        SafePointer.new(events.raw(:outer), lambda { |raw|
          inner.null?
          Oracle.free(raw)
        })
        nil
      end
      out_of_reach(&make_outer)
      full_gc
      events << :collected
    end
    expect(log).to eq [[:released, :outer], [:released, :inner], :collected]
  end

  it "lets a release make and free pointers" do
    log = in_child do |events|
      release = lambda { |raw|
        Handle.new(events.raw(:made_there)).free
        Oracle.free(raw)
      }
      out_of_reach { SafePointer.new(events.raw(:dead), release) }
      full_gc
      events << :collected
    end
    expect(log).to eq [[:released, :made_there], [:released, :dead], :collected]
  end

  it "lets a release run another collection" do
    log = in_child do |events|
      release = lambda { |raw|
        GC.start
        Oracle.free(raw)
      }
      out_of_reach { 3.times { SafePointer.new(events.raw, release) } }
      full_gc
      events << :collected
    end
    expect(log).to eq [:released, :released, :released, :collected]
  end

  it "releases pointers of a class that is collected with them" do
    log = in_child do |events|
      make = lambda do
        type = Class.new(SafePointer) { def self.release(raw) = Oracle.free(raw) }
        3.times { type.new(events.raw) }
        nil
      end
      out_of_reach(&make)
      full_gc
      events << :collected
    end
    expect(log).to eq [:released, :released, :released, :collected]
  end

  it "runs other finalizers of the same pointer, too" do
    log = in_child do |events|
      other = ->(_) { events << :other_finalizer }
      out_of_reach do
        pointer = Handle.new(events.raw)
        ObjectSpace.define_finalizer(pointer, other)
        pointer.free
      end
      full_gc
      events << :collected
    end
    expect(log).to eq [:released, :other_finalizer, :collected]
  end

  # In a fresh interpreter, whose heap is small enough for it.
  it "is survived at every allocation", :every_allocation do
    child = run_ruby(<<~RUBY)
      own_free = Class.new(Handle) do
        def free(mode)
          Events.current << mode
          super()
        end
      end
      GC.stress = true
      pointer = own_free.new(events.raw(:freed))
      pointer.write_int(42)
      events << pointer.read_int
      pointer.free(:now)
      events << pointer.inspect.include?("freed")
      $pointer = SafePointer.new(events.raw(:at_exit)) { |raw| Oracle.free(raw) }
    RUBY
    expect(child).to have_attributes(
      quiet?: true, events: [42, :now, [:released, :freed], true, [:released, :at_exit]]
    )
  end
end
