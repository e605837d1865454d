# frozen_string_literal: true

RSpec.describe SafePointer, "#free" do
  it "releases at once" do
    log = in_child do |events|
      events.pointer.free
      events << :freed
    end
    expect(log).to eq [:released, :freed]
  end

  it "releases once however often it is called" do
    log = in_child do |events|
      pointer = events.pointer
      3.times { pointer.free }
      events << :freed
    end
    expect(log).to eq [:released, :freed]
  end

  it "returns nil every time, whatever the release returns" do
    pointer = SafePointer.new(Oracle.create, ->(_) { :value })
    expect(Array.new(3) { pointer.free }).to eq [nil, nil, nil]
  end

  it "is freed when the release has finished, not before" do
    states = []
    pointer = SafePointer.new(Oracle.create, ->(_) { states << pointer.freed? })
    states.unshift(pointer.freed?)
    pointer.free
    states << pointer.freed?
    expect(states).to eq [false, false, true]
  end

  it "refuses arguments, and does not count that as a release" do
    log = in_child do |events|
      pointer = events.pointer
      events << (pointer.free(:now) rescue $!.class)
      events << pointer.freed?
      pointer.free
      events << pointer.freed?
    end
    expect(log).to eq [ArgumentError, false, :released, true]
  end

  it "is a method of SafePointer itself" do
    expect(SafePointer.instance_method(:free).owner).to be SafePointer
  end

  {
    "that inherits it" => -> { Class.new(Handle) },
    "that overrides it" => -> { Class.new(Handle) { def free = super } }
  }.each do |which, make|
    it "can be stubbed on any instance of a class #{which}, without warnings" do
      type = make.call
      expect do
        expect_any_instance_of(type).to receive(:free).and_return(:stubbed)
        expect(type.new(Oracle.create).free).to be :stubbed
      end.not_to output.to_stderr
    end

    it "can be stubbed on one instance of a class #{which}, without warnings" do
      pointer = make.call.new(Oracle.create)
      expect do
        expect(pointer).to receive(:free).and_return(:stubbed)
        expect(pointer.free).to be :stubbed
      end.not_to output.to_stderr
    end
  end

  it "works on a frozen pointer" do
    log = in_child do |events|
      pointer = events.pointer.freeze
      events << pointer.free << [pointer.free, pointer.freed?, pointer.null?]
    end
    expect(log).to eq [:released, nil, [nil, true, true]]
  end

  it "works in a trap handler" do
    log = in_child do |events|
      pointer = events.pointer
      Signal.trap(:USR1) { events << [pointer.free, pointer.free, pointer.freed?] }
      Process.kill(:USR1, Process.pid)
      wait_until { pointer.freed? }
    end
    expect(log).to eq [:released, [nil, nil, true]]
  end

  it "works in a trap handler that interrupts the release of the same pointer" do
    log = in_child do |events|
      pointer = nil
      trapped = false
      Signal.trap(:USR1) do
        events << [:trap, pointer.free]
        trapped = true
      end
      pointer = SafePointer.new(events.raw, lambda { |raw|
        Process.kill(:USR1, Process.pid)
        wait_until { trapped }
        Oracle.free(raw)
      })
      events << pointer.free
    end
    expect(log).to eq [[:trap, nil], :released, nil]
  end

  it "returns nil at once from within the release" do
    log = in_child do |events|
      pointer = nil
      release = lambda { |raw|
        events << [pointer.free, pointer.freed?]
        Oracle.free(raw)
      }
      pointer = SafePointer.new(events.raw, release)
      events << pointer.free << pointer.freed?
    end
    expect(log).to eq [[nil, false], :released, nil, true]
  end

  it "lets the release free another pointer" do
    log = in_child do |events|
      inner = events.pointer(:inner)
      outer = SafePointer.new(events.raw(:outer), lambda { |raw|
        inner.free
        Oracle.free(raw)
      })
      outer.free
      events << [inner.freed?, outer.freed?]
    end
    expect(log).to eq [[:released, :inner], [:released, :outer], [true, true]]
  end

  it "leaves nothing to do for GC and exit" do
    log = in_child do |events|
      out_of_reach { events.pointer(:dropped).free }
      kept = events.pointer(:kept)
      kept.free
      full_gc
      events << kept.freed?
    end
    expect(log).to eq [[:released, :dropped], [:released, :kept], true]
  end
end
