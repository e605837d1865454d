# frozen_string_literal: true

RSpec.describe SafePointer, "#autorelease=" do
  let(:pointer) { Handle.new(Oracle.create) }

  it "is true at first" do
    expect(pointer.autorelease?).to be true
  end

  {false => false, nil => false, true => true, :yes => true, 0 => true}.each do |value, answer|
    it "makes autorelease? #{answer} when given #{value.inspect}" do
      pointer.autorelease = !answer
      pointer.autorelease = value
      expect(pointer.autorelease?).to be answer
    end
  end

  it "is false after free" do
    pointer.free
    expect(pointer.autorelease?).to be false
  end

  it "brings no second release when it is turned on after free" do
    log = in_child do |events|
      pointer = events.pointer
      pointer.free
      pointer.autorelease = true
      events << pointer.autorelease? << pointer.free
    end
    expect(log).to eq [:released, true, nil]
  end

  it "leaves the pointer usable" do
    pointer.autorelease = false
    pointer.write_int(42)
    expect([pointer.read_int, pointer.freed?, pointer.null?]).to eq [42, false, false]
  end

  it "stops the release at GC" do
    log = in_child do |events|
      out_of_reach { Handle.new(events.raw).autorelease = false }
      full_gc
      events << :collected
    end
    expect(log).to eq [:collected]
  end

  it "stops the release at exit" do
    log = in_child do |events|
      @alive_at_exit = Handle.new(events.raw)
      @alive_at_exit.autorelease = false
    end
    expect(log).to eq []
  end

  it "lets it happen again when turned on again" do
    log = in_child do |events|
      out_of_reach do
        pointer = Handle.new(events.raw)
        pointer.autorelease = false
        pointer.autorelease = true
      end
      full_gc
      events << :collected
    end
    expect(log).to eq [:released, :collected]
  end

  it "does not stop free" do
    log = in_child do |events|
      pointer = Handle.new(events.raw)
      pointer.autorelease = false
      2.times { pointer.free }
      events << [pointer.freed?, pointer.null?]
    end
    expect(log).to eq [:released, [true, true]]
  end

  it "does not stop a free of one's own" do
    log = in_child do |events|
      type = Class.new(Handle) { define_method(:free) { events << :own_free and super() } }
      pointer = type.new(events.raw)
      pointer.autorelease = false
      2.times { pointer.free }
      events << [pointer.freed?, pointer.null?]
    end
    expect(log).to eq [:own_free, :released, [true, true]]
  end

  it "does not stop the class's release by hand" do
    log = in_child do |events|
      pointer = Handle.new(events.raw)
      pointer.autorelease = false
      2.times { Handle.release(pointer) }
      events << [pointer.freed?, pointer.null?]
    end
    expect(log).to eq [:released, [true, true]]
  end

  it "can still be turned off inside the release, to no effect" do
    log = in_child do |events|
      pointer = nil
      pointer = SafePointer.new(events.raw, lambda { |raw|
        pointer.autorelease = false
        Oracle.free(raw)
      })
      pointer.free
      events << pointer.freed?
    end
    expect(log).to eq [:released, true]
  end

  it "raises FrozenError on a frozen pointer, which stays as it was" do
    log = in_child do |events|
      pointer = Handle.new(events.raw).freeze
      events << (begin; pointer.autorelease = false; rescue FrozenError => e; e.message; end)
      events << pointer.autorelease?
    end
    expect(log).to match [a_string_starting_with("can't modify frozen Handle"), true, :released]
  end

  it "lets a free release that comes after the finalizer was refused" do
    log = in_child do |events|
      pointer = Handle.new(events.raw)
      pointer.autorelease = false
      pointer.instance_variable_get(:@releaser).call(pointer.object_id)
      events << pointer.detached?
      pointer.free
    end
    expect(log).to eq [false, :released]
  end
end
