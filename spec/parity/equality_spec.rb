# frozen_string_literal: true

require_relative "parity"

Parity.describe "compared after free", Parity::SAFE do
  makers = {
    "with a Ruby release" => ->(raw) { handle(candidate.pointer).new(raw) },
    "with release_with" => ->(raw) { Class.new(candidate.pointer) { release_with Oracle, :free }.new(raw) },
    "of a managed struct" =>
      lambda do |raw|
        Class.new(candidate.managed_struct) do
          layout :x, :int
          def self.release(raw) = Oracle.free(raw)
        end.new(raw).pointer
      end,
    "frozen" => ->(raw) { handle(candidate.pointer).new(raw).freeze }
  }

  makers.each do |kind, maker|
    it "equals itself: #{kind}" do
      log = log_of do |events, _|
        pointer = instance_exec(events.raw, &maker)
        pointer.free
        events << [pointer == pointer.itself, pointer != pointer.itself, pointer === pointer.itself]
        events << [pointer.eql?(pointer.itself), pointer.equal?(pointer.itself)]
      end
      expect(log).to eq [:released, [true, false, true], [true, true]]
    end

    it "equals no other freed pointer: #{kind}" do
      log = log_of do |events, _|
        pointer = instance_exec(events.raw, &maker)
        others = makers.values.map { |other| instance_exec(events.raw(:other), &other) }
        pointer.free
        others.each(&:free)
        events << others.map { |other| [pointer == other, other == pointer, pointer.eql?(other), pointer != other] }.uniq
      end
      expect(log).to eq [:released, *[[:released, :other]] * makers.size, [[false, false, false, true]]]
    end

    it "equals neither nil nor NULL, in whatever form: #{kind}" do
      log = log_of do |events, base|
        pointer = instance_exec(events.raw, &maker)
        pointer.free
        null = handle(base).new(FFI::Pointer::NULL)
        others = [nil, FFI::Pointer::NULL, FFI::Pointer.new(0), FFI::Pointer.new(pointer), null, 0, "text", Object.new]
        events << others.map { |other| pointer == other }.uniq << (null == pointer)
      end
      expect(log).to eq [:released, [false], false]
    end

    it "does not equal what has its old address: #{kind}" do
      log = log_of do |events, base|
        raw = events.raw
        pointer = instance_exec(raw, &maker)
        twin = handle(base).new(raw).tap { |other| other.autorelease = false }
        before = [pointer == raw, raw == pointer, pointer == twin, twin == pointer]
        pointer.free
        events << before << [pointer == raw, raw == pointer, pointer == twin, twin == pointer]
      end
      expect(log).to eq [:released, [true] * 4, [false] * 4]
    end

    it "is taken off a list alone: #{kind}" do
      log = log_of do |events, _|
        first, second, third = Array.new(3) { instance_exec(events.raw, &maker) }
        hash = first.hash
        table = {first => 1, second => 2, third => 3}
        first.free
        second.free
        list = [third, first, second, nil]
        events << [list.index(second), list.count(first), list.include?(first), list.uniq.size, (list - [first]).size]
        events << [first.hash == hash, table[first], table.delete(second), table.size]
        list.delete(second)
        events << list.map { |pointer| [first, second, third, nil].index { |other| other.equal?(pointer) } }
        events << [[third, nil].include?(first), [first].include?(nil)]
        third.free
      end
      expect(log).to eq [:released, :released, [2, 1, true, 4, 3], [true, 1, 2, 2], [2, 0, 3], [false, false], :released]
    end
  end

  it "is NULL to ffi's own comparison, from the other side" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      pointer.free
      events << [FFI::Pointer::NULL == pointer, FFI::Pointer.new(0) == pointer, pointer.null?]
    end
    expect(log).to eq [:released, [true, true, true]]
  end

  it "has its address as long as the release runs" do
    log = log_of do |events, base|
      pointer = nil
      raw = events.raw
      pointer = base.new(raw, lambda { |held|
        events << [pointer == held, held == pointer, pointer == nil]
        Oracle.free(held)
      })
      pointer.free
    end
    expect(log).to eq [[true, true, false], :released]
  end

  it "goes by a == of the class's own, which may call super" do
    log = log_of do |events, base|
      type = handle(base) { def ==(other) = :itself == other || super }
      first, second = Array.new(2) { type.new(events.raw) }
      before = [first == :itself, first == second, first == FFI::Pointer.new(first.address)]
      first.free
      second.free
      events << before << [first == :itself, first == second, first == first.itself, first == FFI::Pointer::NULL]
    end
    expect(log).to eq [:released, :released, [true, false, true], [true, false, true, false]]
  end

  it "has kept its old address, to be asked for" do
    log = log_of do |events, base|
      type = Class.new(base) { release_with Oracle, :free }
      pointers = [handle(base), type].map { |klass| klass.new(events.raw) }
      addresses = pointers.map(&:address)
      before = pointers.map(&:released_address)
      pointers.each(&:free)
      events << before << (pointers.map(&:released_address) == addresses) << pointers.map(&:address)
    end
    expect(log).to eq [:released, :released, [nil, nil], true, [0, 0]]
  end
end

Parity.describe "compared" do
  it "is told apart by identity where it is the pointer of a struct" do
    log = log_of do |events, _|
      type = Class.new(candidate.managed_struct) do
        layout :x, :int
        def self.release(raw) = Oracle.free(raw)
      end
      first, second = Array.new(2) { type.new(events.raw) }
      compare = -> { [first == first.itself, first == second, [first, second].index(second)] }
      before = compare.call
      [first, second].each { |struct| struct.pointer.free }
      events << before << compare.call << [first, second].tap { |list| list.delete(first) }.size
    end
    expect(log).to eq [:released, :released, [true, false, 1], [true, false, 1], 1]
  end
end
