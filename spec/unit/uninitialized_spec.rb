# frozen_string_literal: true

RSpec.describe "a SafePointer without its initialize" do
  pointers = {
    "allocated only" => -> { Handle.allocate },
    "of a class whose initialize never calls super" => -> { Class.new(Handle) { def initialize(*) = nil }.new(1) },
    "whose initialize was refused" => lambda {
      Handle.allocate.tap { |pointer| (pointer.send(:initialize, nil) rescue nil) }
    }
  }

  pointers.each do |what, make|
    describe what do
      it "is not freed, and has no autorelease" do
        pointer = make.call
        expect([pointer.freed?, pointer.autorelease?, pointer.null?]).to eq [false, false, true]
      end

      it "answers free with nil" do
        expect(make.call.free).to be_nil
      end

      it "has an inspect" do
        expect(make.call.inspect).to be_a String
      end

      it "answers for each of its variables" do
        pointer = make.call
        pointer.instance_variable_set(:@other, :other)
        expect(%i[@releaser @other @none].map { |name| pointer.instance_variable_get(name) }).to eq [nil, :other, nil]
      end

      it "refuses autorelease=" do
        pointer = make.call
        expect { pointer.autorelease = true }.to raise_error(RuntimeError, /autorelease=/)
        expect(pointer.autorelease?).to be false
      end

      it "raises when read, as a bare FFI::Pointer does" do
        error = (FFI::Pointer.allocate.read_int rescue $!)
        expect { make.call.read_int }.to raise_error(error.class)
      end

      it "is nothing to release, for GC, exit or by hand" do
        log = in_child do |events|
          out_of_reach { make.call }
          full_gc
          @alive_at_exit = make.call
          events << Handle.release(make.call)
        end
        expect(log).to eq [nil]
      end

      it "can be given a pointer later" do
        log = in_child do |events|
          pointer = make.call
          SafePointer.instance_method(:initialize).bind_call(pointer, events.raw)
          events << pointer.autorelease?
        end
        expect(log).to eq [true, :released]
      end
    end
  end
end

RSpec.describe "a second initialize of a SafePointer" do
  it "raises, and changes nothing" do
    log = in_child do |events|
      first = events.raw(:first)
      pointer = Handle.new(first)
      events << (pointer.send(:initialize, events.raw(:second)) rescue $!.class)
      events << (pointer.address == first.address)
      pointer.free
    end
    expect(log).to eq [RuntimeError, true, [:released, :first]]
  end

  it "raises, and changes nothing for GC" do
    log = in_child do |events|
      out_of_reach do
        pointer = Handle.new(events.raw(:first))
        (pointer.send(:initialize, events.raw(:second)) rescue nil)
      end
      full_gc
      events << :collected
    end
    expect(log).to eq [[:released, :first], :collected]
  end

  it "raises after free, and leaves the pointer freed" do
    log = in_child do |events|
      pointer = Handle.new(events.raw(:first)).tap(&:free)
      events << (pointer.send(:initialize, events.raw(:second)) rescue $!.class)
      events << [pointer.freed?, pointer.null?]
    end
    expect(log).to eq [[:released, :first], RuntimeError, [true, true]]
  end

  it "names the class" do
    pointer = Handle.new(Oracle.create)
    expect { pointer.send(:initialize, Oracle.create) }.to raise_error(RuntimeError, /Handle/)
  end
end

RSpec.describe "a managed struct without its initialize" do
  it "raises where it is cleared, as ffi's do" do
    expect { SafePointer::ManagedStruct.allocate.clear }.to raise_error(NoMethodError)
  end
end
