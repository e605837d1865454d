# frozen_string_literal: true

RSpec.describe SafePointer, "#detach" do
  let(:raw) { Oracle.create }

  it "returns the very object that was wrapped" do
    tagged = Class.new(FFI::Pointer) { attr_accessor :tag }.new(raw)
    expect(Handle.new(tagged).detach).to be tagged
  end

  it "leaves the pointer with its address, readable and writable" do
    pointer = Handle.new(raw)
    pointer.write_int(42)
    pointer.detach
    pointer.write_int(pointer.read_int + 1)
    expect([pointer.address == raw.address, pointer.null?, pointer.read_int, raw.read_int]).to eq [true, false, 43, 43]
  end

  it "leaves it detached, not freed, and without autorelease" do
    pointer = Handle.new(raw)
    before = [pointer.detached?, pointer.freed?, pointer.autorelease?]
    pointer.detach
    expect([before, [pointer.detached?, pointer.freed?, pointer.autorelease?]])
      .to eq [[false, false, true], [true, false, false]]
  end

  it "keeps it from being released at GC" do
    log = in_child do |events|
      out_of_reach { Handle.new(events.raw).detach }
      full_gc
      events << :collected
    end
    expect(log).to eq [:collected]
  end

  it "keeps it from being released at exit" do
    log = in_child do |events|
      @alive_at_exit = Handle.new(events.raw)
      @alive_at_exit.detach
      events << :detached
    end
    expect(log).to eq [:detached]
  end

  late_releases = {
    "free" => ->(pointer) { pointer.free },
    "the class's release by hand" => ->(pointer) { pointer.class.release(pointer) },
    "the releaser's free" => ->(pointer) { pointer.instance_variable_get(:@releaser).free },
    "the releaser's call" => ->(pointer) { pointer.instance_variable_get(:@releaser).call },
    "the releaser's call, as a finalizer" => ->(pointer) { pointer.instance_variable_get(:@releaser).call(8) }
  }

  late_releases.each do |what, release|
    it "makes #{what} return nil and do nothing" do
      log = in_child do |events|
        @alive_at_exit = Handle.new(events.raw)
        @alive_at_exit.detach
        events << release.call(@alive_at_exit) << [@alive_at_exit.null?, @alive_at_exit.freed?]
      end
      expect(log).to eq [nil, [false, false]]
    end
  end

  it "keeps a free of one's own, and what it is called otherwise, from running" do
    log = in_child do |events|
      type = Class.new(Handle) do
        frees_with :close
        define_method(:free) { |*arguments| events << [:own_free, *arguments] }
        define_method(:close) { |*arguments| events << [:close, *arguments] }
      end
      pointer = type.new(events.raw)
      pointer.detach
      events << [pointer.free, pointer.free(:now), pointer.close, pointer.close(:now)]
    end
    expect(log).to eq [[nil, nil, nil, nil]]
  end

  it "cannot be undone by autorelease=" do
    log = in_child do |events|
      @alive_at_exit = Handle.new(events.raw)
      @alive_at_exit.detach
      @alive_at_exit.autorelease = true
      events << @alive_at_exit.free << @alive_at_exit.detached?
    end
    expect(log).to eq [nil, true]
  end

  it "works with autorelease off" do
    log = in_child do |events|
      raw = events.raw
      pointer = Handle.new(raw)
      pointer.autorelease = false
      events << pointer.detach.equal?(raw) << pointer.free
    end
    expect(log).to eq [true, nil]
  end

  it "works on a frozen pointer" do
    log = in_child do |events|
      raw = events.raw
      pointer = Handle.new(raw).freeze
      events << pointer.detach.equal?(raw) << [pointer.detached?, pointer.free]
    end
    expect(log).to eq [true, [true, nil]]
  end

  it "gives the pointer to its next owner" do
    log = in_child do |events|
      raw = events.raw
      first = Handle.new(raw)
      second = Handle.new(first.detach)
      events << [first == second, first.free]
      second.free
      events << [first.null?, second.null?]
    end
    expect(log).to eq [[true, nil], :released, [false, true]]
  end

  it "takes one owner of several away" do
    log = in_child do |events|
      raw = events.raw
      owners = [Handle.new(raw), Handle.new(raw)]
      owners.first.detach
      owners.each(&:free)
      events << owners.map(&:detached?)
    end
    expect(log).to eq [:released, [true, false]]
  end

  it "keeps the memory alive that the wrapped object is a part of, as long as that is" do
    log = in_child do |events|
      out_of_reach do
        memory = FFI::MemoryPointer.new(:int, 2).write_array_of_int([1, 42])
        @detached = SafePointer.new(memory.slice(4, 4), ->(_) { events << :released }).detach
        nil
      end
      full_gc
      events << @detached.read_int
    end
    expect(log).to eq [42]
  end

  it "lets the pointer still pass where its class is the parameter type" do
    typed = Module.new do
      extend FFI::Library
      ffi_lib Oracle.build
      attach_function :address, :oracle_address, [Handle], :size_t
    end
    pointer = Handle.new(raw)
    pointer.detach
    expect(typed.address(pointer)).to eq raw.address
  end

  it "is shown by inspect as what it is, a pointer with an address" do
    pointer = Handle.new(raw)
    before = pointer.inspect
    pointer.detach
    expect(pointer.inspect).to eq before
  end

  it "gives NULL away, too" do
    pointer = Handle.new(FFI::Pointer::NULL)
    expect([pointer.detach, pointer.detached?, pointer.null?]).to eq [FFI::Pointer::NULL, true, true]
  end

  it "takes no arguments, and has not detached then" do
    pointer = Handle.new(raw)
    expect { pointer.detach(1) }.to raise_error(ArgumentError)
    expect(pointer).not_to be_detached
  end

  describe "on a pointer that it is too late for" do
    # The pointer, and what making it has logged.
    too_late = {
      "that is freed" => [->(events) { Handle.new(events.raw).tap(&:free) }, [:released]],
      "that has been released by hand" =>
        [->(events) { Handle.new(events.raw).tap { |pointer| Handle.release(pointer) } }, [:released]],
      "whose free raised" => [lambda do |events|
        SafePointer.new(events.raw, ->(_) { raise "busy" }).tap { |pointer| (pointer.free rescue nil) }
      end, []],
      "that is detached" => [->(events) { Handle.new(events.raw).tap(&:detach) }, []],
      "without an initialize" => [->(_) { Handle.allocate }, []]
    }

    too_late.each do |what, (make, logged)|
      it "#{what} raises ReleasedError, every time" do
        log = in_child do |events|
          pointer = make.call(events)
          errors = Array.new(2) { pointer.detach rescue $!.class }
          events << errors << pointer.free
        end
        expect(log).to eq [*logged, [SafePointer::ReleasedError] * 2, nil]
      end
    end

    it "raises what says class, method and address" do
      pointer = Handle.new(raw).tap(&:free)
      expect { pointer.detach }.to raise_error(SafePointer::ReleasedError, /Handle#detach: .*0x0*#{raw.address.to_s(16)}/)
    end

    it "raises inside the release, and has no say in it any more" do
      log = in_child do |events|
        pointer = nil
        pointer = SafePointer.new(events.raw, lambda { |raw|
          events << (pointer.detach rescue $!.class)
          Oracle.free(raw)
        })
        pointer.free
        events << [pointer.freed?, pointer.detached?]
      end
      expect(log).to eq [SafePointer::ReleasedError, :released, [true, false]]
    end

    it "raises inside a free of one's own" do
      log = in_child do |events|
        type = Class.new(Handle) do
          define_method(:free) do
            events << (detach rescue $!.class)
            super()
          end
        end
        pointer = type.new(events.raw)
        pointer.free
        events << [pointer.freed?, pointer.detached?]
      end
      expect(log).to eq [SafePointer::ReleasedError, :released, [true, false]]
    end
  end

  it "is won by one of many threads" do
    100.times do
      pointer = Handle.new(raw)
      ready = Queue.new
      go = false
      threads = Array.new(4) do
        Thread.new do
          ready << true
          Thread.pass until go
          pointer.detach rescue $!.class
        end
      end
      4.times { ready.pop }
      go = true
      expect(threads.map(&:value).tally).to eq(raw => 1, SafePointer::ReleasedError => 3)
    end
  end
end
