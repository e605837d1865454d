# frozen_string_literal: true

# What programs seldom call themselves. Also there so that each signature is checked with a call (signatures_spec.rb).
RSpec.describe "Rare calls" do
  let(:releaser) { SafePointer::Releaser.new(Oracle.create, Oracle.method(:free)) }

  it "has a releaser release what it is given" do
    expect { expect(releaser.release(releaser.instance_variable_get(:@ptr))).to be_nil }
      .to change(Oracle, :released).by(1)
    expect(releaser.autorelease).to be false
  end

  it "lets the workaround of ffi/ffi#1126 set a releaser's variables" do
    raw = releaser.instance_variable_get(:@ptr)
    expect(releaser.instance_variable_set(:@ptr, nil)).to be_nil
    expect { releaser.free }.not_to change(Oracle, :released)
    Oracle.free(raw)
  end

  it "makes an object of the class for ffi" do
    handle = Handle.from_native(Oracle.create, nil)
    expect(handle).to be_a Handle
    handle.free
  end

  it "clears memory of a known size" do
    handle = Handle.new(Oracle.create.slice(0, 16))
    handle.write_int(1)
    handle.clear
    expect(handle.read_int).to eq 0
    handle.free
  end

  it "clears a managed struct" do
    type = Class.new(SafePointer::ManagedStruct) do
      layout :number, :int
      def self.release(raw) = Oracle.free(raw)
    end
    struct = type.new(Oracle.create.slice(0, type.size))
    struct[:number] = 1
    struct.clear
    expect(struct[:number]).to eq 0
    struct.pointer.free
  end

  it "knows whether FFI::AutoPointer has been replaced" do
    expect(SafePointer.replaced_auto_pointer?).to be defined?(SafePointer::AutoPointer) ? true : false
  end

  # What Ruby sweeps after it has called the finalizer waits there. Nothing is swept once GC is off.
  it "has a queue for what GC has found dead and no other queue is for" do
    GC.disable
    queue = SafePointer::ReleaseQueue.default
    queue.drain
    expect(queue).to be_empty
  ensure
    GC.enable
  end
end
