# frozen_string_literal: true

require_relative "parity"

Parity.describe "what the constructor refuses" do
  wrong_pointers = {
    "nil" => ->(_) { nil },
    "false" => ->(_) { false },
    "an Integer" => ->(_) { 4096 },
    "a String" => ->(_) { "memory" },
    "an Object" => ->(_) { Object.new },
    "the class FFI::Pointer" => ->(_) { FFI::Pointer },
    "an FFI::Buffer" => ->(_) { FFI::Buffer.new(8) },
    "an FFI::Struct" => ->(_) { Class.new(FFI::Struct) { layout :x, :int }.new },
    "a duck with to_ptr" => ->(_) { Struct.new(:to_ptr).new(FFI::Pointer.new(4096)) }
  }

  wrong_pointers.each do |what, make|
    it "is #{what} as pointer", since: "1.17" do
      log = log_of do |events, base|
        wrong = make.call(base)
        events << (error { base.new(wrong, Oracle.method(:free)) }) << (error { handle(base).new(wrong) })
      end
      expect(log).to eq [[TypeError, "Invalid pointer"]] * 2
    end
  end

  it "is an FFI::MemoryPointer, which owns its memory" do
    log = log_of do |events, base|
      events << (error { handle(base).new(FFI::MemoryPointer.new(8)) })
    end
    expect(log).to eq [[TypeError, "Invalid pointer"]]
  end

  it "is a pointer of its own sort, which is released once" do
    log = log_of do |events, base|
      first = handle(base).new(events.raw)
      events << (error { base.new(first, Oracle.method(:free)) }) << (error { handle(base).new(first) })
      first.free
      events << :freed
    end
    expect(log).to eq [[TypeError, "Invalid pointer"], [TypeError, "Invalid pointer"], :released, :freed]
  end

  wrong_callables = {
    "an Integer" => 42,
    "a String" => "free",
    "a Symbol" => :free,
    "an Object" => Object.new,
    "true" => true,
    "a Hash of keywords" => { release: :free }
  }

  wrong_callables.each do |what, wrong|
    it "is #{what} as release, whether or not the class has one" do
      log = log_of do |events, base|
        events << (error { base.new(events.raw, wrong) }) << (error { handle(base).new(events.raw, wrong) })
      end
      expect(log).to eq [[RuntimeError, "proc must be callable"]] * 2
    end
  end

  it "is an object whose call is private" do
    log = log_of do |events, base|
      wrong = Class.new { private def call(_) = nil }.new
      events << (error { base.new(events.raw, wrong) })
    end
    expect(log).to eq [[RuntimeError, "proc must be callable"]]
  end

  it "is a pointer without anything to release it" do
    log = log_of do |events, base|
      with_own_free = Class.new(base) { def free = nil }
      with_instance_release = Class.new(base) { def release(_) = nil }
      [base, Class.new(base), with_own_free, with_instance_release].each do |type|
        events << (error { type.new(events.raw) })
      end
    end
    expect(log).to eq [[RuntimeError, "no release method defined"]] * 4
  end

  it "is any other number of arguments" do
    log = log_of do |events, base|
      events << (error { handle(base).new })
      events << (error { base.new(events.raw, Oracle.method(:free), 3) })
    end
    expect(log).to eq [
      [ArgumentError, "wrong number of arguments (given 0, expected 1..2)"],
      [ArgumentError, "wrong number of arguments (given 3, expected 1..2)"]
    ]
  end

  it "looks at the pointer before it looks at the release", since: "1.17" do
    log = log_of do |events, base|
      events << (error { base.new(nil) }) << (error { base.new(nil, 42) })
    end
    expect(log).to eq [[TypeError, "Invalid pointer"]] * 2
  end

  it "is left alone: nothing releases the pointer of a refused construction" do
    log = log_of do |events, base|
      raw = events.raw
      out_of_reach do
        error { base.new(raw) }
        error { base.new(raw, 42) }
        error { handle(base).new(raw, 42) }
        error { handle(base).new(raw, Oracle.method(:free), 3) }
      end
      full_gc
      events << :collected
    end
    expect(log).to eq [:collected]
  end

  it "can be wrapped by the next, better construction" do
    log = log_of do |events, base|
      raw = events.raw
      error { base.new(raw) }
      error { base.new(raw, 42) }
      base.new(raw, Oracle.method(:free)).free
      full_gc
      events << :freed
    end
    expect(log).to eq [:released, :freed]
  end
end

Parity.describe "what the safe constructor refuses, too,", Parity::SAFE do
  it "is a pointer of the other sort" do
    log = log_of do |events, base|
      [FFI::AutoPointer, SafePointer].each do |other|
        owned = other.new(events.raw, Oracle.method(:free))
        events << (error { handle(base).new(owned) })
        owned.free
      end
    end
    expect(log).to eq [[TypeError, "Invalid pointer"], :released] * 2
  end
end
