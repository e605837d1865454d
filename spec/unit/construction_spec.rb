# frozen_string_literal: true

RSpec.describe SafePointer, ".new" do
  let(:raw) { Oracle.create }
  let(:released) { [] }

  def recording(log)
    ->(pointer) { log.push(pointer) }
  end

  describe "what it takes as release" do
    callables = {
      "a method" => ->(log) { log.method(:push) },
      "a lambda" => ->(log) { ->(pointer) { log.push(pointer) } },
      "a proc" => ->(log) { proc { |pointer| log.push(pointer) } },
      "an object that answers call" => lambda do |log|
        Object.new.tap { |object| object.define_singleton_method(:call) { |pointer| log.push(pointer) } }
      end,
      "a class that answers call" => lambda do |log|
        Class.new { define_singleton_method(:call) { |pointer| log.push(pointer) } }
      end
    }

    callables.each do |what, make|
      it "takes #{what}" do
        SafePointer.new(raw, make.call(released)).free
        expect(released).to match [be(raw)]
      end
    end

    it "takes an FFI::Function of a C function" do
      log = in_child do |events|
        destructor = FFI::Function.new(:void, [:pointer], Oracle.ffi_libraries.first.find_function("oracle_free"))
        SafePointer.new(events.raw, destructor).free
        events << :freed
      end
      expect(log).to eq [:released, :freed]
    end

    it "takes the class's own release" do
      log = released
      type = Class.new(SafePointer) { define_singleton_method(:release) { |pointer| log.push(pointer) } }
      type.new(raw).free
      expect(released).to match [be(raw)]
    end

    it "takes a private release of the class" do
      log = released
      type = Class.new(SafePointer) do
        define_singleton_method(:release) { |pointer| log.push(pointer) }
        private_class_method :release
      end
      type.new(raw).free
      expect(released).to match [be(raw)]
    end

    it "takes the release a class inherits" do
      log = in_child do |events|
        Class.new(Handle).new(events.raw).free
        events << :freed
      end
      expect(log).to eq [:released, :freed]
    end

    it "takes a block" do
      SafePointer.new(raw) { |pointer| released.push(pointer) }.free
      expect(released).to match [be(raw)]
    end

    it "prefers the callable to the class's release" do
      type = Class.new(SafePointer) { def self.release(_) = raise("the callable was given") }
      type.new(raw, recording(released)).free
      expect(released).to match [be(raw)]
    end

    it "prefers the callable to a block" do
      SafePointer.new(raw, recording(released)) { raise "the callable was given" }.free
      expect(released).to match [be(raw)]
    end

    it "prefers the class's release to a block" do
      log = in_child do |events|
        Handle.new(events.raw) { events << :block }.free
        events << :freed
      end
      expect(log).to eq [:released, :freed]
    end

    it "takes nil for no callable" do
      log = in_child do |events|
        Handle.new(events.raw, nil).free
        events << :freed
      end
      expect(log).to eq [:released, :freed]
    end
  end

  describe "the wrapped pointer" do
    it "is handed to the release as it is, subclass and state included" do
      tagged = Class.new(FFI::Pointer) { attr_accessor :tag }.new(raw)
      tagged.tag = :mine
      SafePointer.new(tagged, ->(pointer) { released.push(pointer.tag) }).free
      expect(released).to eq [:mine]
    end

    it "is kept alive for the release at GC, and what it keeps with it" do
      log = in_child do |events|
        read = ->(pointer) { events << pointer.read_int }
        out_of_reach do
          memory = FFI::MemoryPointer.new(:int).write_int(42)
          SafePointer.new(memory.slice(0, 4), read)
        end
        full_gc
        events << :collected
      end
      expect(log).to eq [42, :collected]
    end

    it "lends its address and its type size" do
      ints = FFI::Pointer.new(:int, raw.address)
      pointer = SafePointer.new(ints, recording(released))
      expect([pointer.address, pointer.type_size, pointer[1].address]).to eq [raw.address, 4, raw.address + 4]
    end

    it "can be read and written through" do
      pointer = SafePointer.new(raw, recording(released))
      pointer.write_int(42)
      expect([pointer.read_int, raw.read_int]).to eq [42, 42]
    end

    it "may have several owners, each with a reference of its own" do
      log = in_child do |events|
        raw = events.raw
        Oracle.reference(raw)
        owners = [Handle.new(raw), Handle.new(raw)]
        owners.first.free
        events << owners.map(&:freed?)
      end
      expect(log).to eq [:released, [true, false], :released]
    end
  end

  describe "in a subclass" do
    it "is reached by super from an initialize with other arguments" do
      log = in_child do |events|
        type = Class.new(SafePointer) do
          attr_reader :title

          def initialize(title, raw)
            super(raw, Oracle.method(:free))
            @title = title
          end
        end
        pointer = type.new("main", events.raw)
        events << pointer.title
        pointer.free
      end
      expect(log).to eq ["main", :released]
    end

    it "works on an allocated object through a bound initialize" do
      log = in_child do |events|
        pointer = Handle.allocate
        SafePointer.instance_method(:initialize).bind_call(pointer, events.raw)
        events << pointer.freed?
        pointer.free
        events << pointer.freed?
      end
      expect(log).to eq [false, :released, true]
    end
  end

  it "starts out owned: not freed, to be released by GC" do
    pointer = SafePointer.new(raw, recording(released))
    expect([pointer.freed?, pointer.autorelease?, pointer.null?, released]).to eq [false, true, false, []]
  end

  it "is an FFI::Pointer" do
    expect(SafePointer.new(raw, recording(released))).to be_a FFI::Pointer
  end
end
