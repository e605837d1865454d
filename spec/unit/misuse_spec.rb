# frozen_string_literal: true

RSpec.describe "misuse of the constructor" do
  let(:destructor) { Oracle.method(:free) }

  wrong_pointers = {
    "nil" => -> { nil },
    "an Integer" => -> { 4096 },
    "a String" => -> { "memory" },
    "an Object" => -> { Object.new },
    "a BasicObject" => -> { BasicObject.new },
    "a class" => -> { FFI::Pointer },
    "an FFI::MemoryPointer" => -> { FFI::MemoryPointer.new(8) },
    "an FFI::Buffer" => -> { FFI::Buffer.new(8) },
    "an FFI::Struct" => -> { Class.new(FFI::Struct) { layout :x, :int }.new },
    "an FFI::AutoPointer" => -> { FFI::AutoPointer.new(Oracle.create, Oracle.method(:free)) },
    "a SafePointer" => -> { SafePointer.new(Oracle.create, Oracle.method(:free)) },
    "an instance of a subclass" => -> { Handle.new(Oracle.create) }
  }

  wrong_pointers.each do |what, make|
    it "refuses #{what} as pointer" do
      expect { SafePointer.new(make.call, destructor) }.to raise_error(TypeError, "Invalid pointer")
    end

    it "refuses #{what} as pointer of a class with a release" do
      expect { Handle.new(make.call) }.to raise_error(TypeError, "Invalid pointer")
    end
  end

  {
    "an Integer" => 42,
    "a String" => "free",
    "a Symbol" => :free,
    "an Object" => Object.new,
    "true" => true
  }.each do |what, value|
    it "refuses #{what} as release" do
      expect { SafePointer.new(Oracle.create, value) }.to raise_error(RuntimeError, "proc must be callable")
    end

    it "refuses #{what} as release even if the class has one" do
      expect { Handle.new(Oracle.create, value) }.to raise_error(RuntimeError, "proc must be callable")
    end
  end

  it "refuses a pointer with no release at all" do
    expect { SafePointer.new(Oracle.create) }.to raise_error(RuntimeError, "no release method defined")
  end

  it "refuses a pointer with no release at all in a subclass" do
    expect { Class.new(SafePointer).new(Oracle.create) }.to raise_error(RuntimeError, "no release method defined")
  end

  it "refuses no arguments" do
    expect { Handle.new }.to raise_error(ArgumentError)
  end

  it "refuses a third argument" do
    expect { Handle.new(Oracle.create, destructor, 3) }.to raise_error(ArgumentError)
  end

  it "leaves the pointer of a refused construction alone" do
    log = in_child do |events|
      raw = events.raw
      refused = []
      refused << (SafePointer.new(raw, 42) rescue $!.class)
      refused << (SafePointer.new(raw) rescue $!.class)
      refused << (Handle.new(raw, Oracle.method(:free), 3) rescue $!.class)
      full_gc
      events << refused
    end
    expect(log).to eq [[RuntimeError, RuntimeError, ArgumentError]]
  end

  it "leaves a pointer in the hands of its first owner when a second is refused" do
    log = in_child do |events|
      pointer = events.pointer
      events << (SafePointer.new(pointer, Oracle.method(:free)) rescue $!.class)
      pointer.free
      events << pointer.freed?
    end
    expect(log).to eq [TypeError, :released, true]
  end

  # What an error says may come from a method of the program's, and whatever comes out of that goes on its way.
  {
    "freed_by_parent without a parent" => ->(type) { type.new(FFI::Pointer.new(64), freed_by_parent: true) },
    "a parent that is none" => ->(type) { type.new(FFI::Pointer.new(64), parent: 1) },
    "a parent that is released" => lambda { |type|
      type.new(FFI::Pointer.new(64), parent: Handle.new(Oracle.create).tap(&:free))
    },
    "a size that is none" => ->(type) { type.new(FFI::Pointer.new(64), size: "large") },
    "a negative size" => ->(type) { type.new(FFI::Pointer.new(64), size: -1) },
    "a policy that is none" => ->(type) { type.new(FFI::Pointer.new(64), fork_policy: :never) },
    "a queue that is none" => ->(type) { type.new(FFI::Pointer.new(64), release_queue: []) }
  }.each do |what, misuse|
    it "loses no jump out of the name of the class: #{what}" do
      type = Class.new(Handle) { def self.to_s = throw(:out, :thrown) }
      expect(catch(:out) { misuse.call(type) }).to be :thrown
    end
  end
end
