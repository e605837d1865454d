# frozen_string_literal: true

require_relative "../support/native_handle"

RSpec.describe SafePointer, ".stats" do
  include Figures

  # What other examples have left behind is not found dead meanwhile.
  around do |example|
    full_gc
    GC.disable
    example.run
  ensure
    GC.enable
  end

  struct_type = Class.new(SafePointer::ManagedStruct) do
    layout :x, :int
    def self.release(raw) = Oracle.free(raw)
  end
  own_free = Class.new(Handle) { def free = Oracle.free(self) }
  own_free_with_super = Class.new(NativeHandle) { def free = super }
  closing = Class.new(Handle) do
    frees_with :close
    def close = Oracle.free(self)
  end

  kept = []
  owners = {
    "a pointer of a class with release" => -> { Handle.new(Oracle.create) },
    "a pointer with a callable" => -> { SafePointer.new(Oracle.create, Oracle.method(:free)) },
    "a pointer with a block" => -> { SafePointer.new(Oracle.create) { |raw| Oracle.free(raw) } },
    "a pointer that a C function releases" => -> { NativeHandle.new(Oracle.create) },
    "one with keywords" => -> { NativeHandle.new(Oracle.create, fork_policy: :discard) },
    "one that was made to be like the others" => -> { NativeHandle.new(Oracle.create).tap(&:parent) },
    "a struct" => -> { struct_type.new(Oracle.create) },
    "a pointer with a free of its own" => -> { own_free.new(Oracle.create) },
    "a pointer with a free of its own and a C function" => -> { own_free_with_super.new(Oracle.create) },
    "a releaser" => -> { SafePointer::Releaser.new(Oracle.create, Oracle.method(:free)) },
    "an owner's releaser" => lambda {
      SafePointer::Releaser.attach(kept.push(Object.new).last, Oracle.create, Oracle.method(:free))
    }
  }

  owners.each do |what, make|
    it "counts #{what} once when it is made and once when it is freed" do
      owner = nil
      expect(counted { owner = make.call }).to eq(live: 1, created: 1)
      expect(counted { 2.times { owner.free } }).to eq(live: -1, free: 1)
    end
  end

  it "is a frozen Hash of frozen Hashes, and its figures add up" do
    stats = SafePointer.stats
    expect(stats).to be_frozen
    expect(stats[:released]).to be_frozen
    expect(stats.keys).to eq %i[live created released detached errors bytes]
    expect(stats[:released].keys).to eq %i[free gc exit queue parent]
    expect(stats[:created]).to eq stats.values_at(:live, :detached).sum + stats[:released].values.sum
  end

  it "counts as free whatever the program releases with" do
    pointers = Array.new(4) { Handle.new(Oracle.create) }.unshift(closing.new(Oracle.create))
    changes = counted do
      pointers[0].close
      Handle.release(pointers[1])
      pointers[2].instance_variable_get(:@releaser).free
      pointers[3].instance_variable_get(:@releaser).call
      pointers[4].instance_variable_get(:@releaser).release(pointers[4])
    end
    expect(changes).to eq(live: -5, free: 5)
  end

  it "counts as free what the program has asked for, also where it had to wait" do
    leased = Handle.new(Oracle.create)
    parent = Handle.new(Oracle.create)
    child = Handle.new(Oracle.create, parent: parent)
    expect(counted { leased.use { leased.free && parent.free } }).to eq(live: -1, free: 1)
    expect(counted { parent.free }).to be_empty
    expect(counted { child.free }).to eq(live: -2, free: 2)
  end

  it "counts as parent what the release of the parent has destroyed" do
    pool = Handle.new(Oracle.create)
    buffers = Array.new(3) { Handle.new(FFI::Pointer.new(64), parent: pool, freed_by_parent: true) }
    expect(counted { pool.free }).to eq(live: -4, free: 1, parent: 3)
    expect(counted { buffers.each(&:free) }).to be_empty
  end

  it "counts a releaser that the release of its parent has destroyed once somebody asks" do
    pool = Handle.new(Oracle.create)
    releaser = SafePointer::Releaser.new(FFI::Pointer.new(64), ->(_) {}, parent: pool, freed_by_parent: true)
    expect(counted { pool.free }).to eq(live: -1, free: 1)
    expect(counted { 2.times { releaser.free } }).to eq(live: -1, parent: 1)
  end

  owners.slice("a pointer of a class with release", "a pointer that a C function releases").each do |what, make|
    it "counts #{what} as detached when it is given away" do
      pointer = make.call
      expect(counted { Oracle.free(pointer.detach) }).to eq(live: -1, detached: 1)
      expect(counted { pointer.free }).to be_empty
    end

    it "goes on counting #{what} with autorelease off, which the program may free" do
      pointer = make.call
      expect(counted { pointer.autorelease = false }).to be_empty
      expect(counted { pointer.free }).to eq(live: -1, free: 1)
    end
  end

  it "counts the errors of releases, and the releases too" do
    faulty = Array.new(2) { SafePointer.new(FFI::Pointer.new(64), ->(_) { raise IOError }) }
    own = Class.new(Handle) { def free = raise(IOError) }.new(FFI::Pointer.new(64))
    changes = counted do
      expect { faulty[0].free }.to raise_error(IOError)
      expect { own.free }.to raise_error(IOError)
      expect { faulty[1].use { faulty[1].free } }.to output(/after its last lease/).to_stderr
    end
    expect(changes).to eq(live: -3, free: 3, errors: 3)
  end

  it "takes a throw out of a release for no error" do
    pointer = SafePointer.new(FFI::Pointer.new(64), ->(_) { throw :out })
    expect(counted { catch(:out) { pointer.free } }).to eq(live: -1, free: 1)
  end

  {
    "NULL" => -> { Handle.new(FFI::Pointer::NULL).free },
    "NULL of a class with a C function" => -> { NativeHandle.new(FFI::Pointer::NULL).free },
    "a pointer that is not initialized" => -> { Handle.allocate.free },
    "a pointer without a release" => -> { SafePointer.new(FFI::Pointer.new(64)) },
    "a second initialize" => -> { Handle.new(Oracle.create).tap(&:free).send(:initialize, Oracle.create) },
    "a pointer whose parent is released" => lambda {
      Handle.new(FFI::Pointer.new(64), parent: Handle.new(Oracle.create).tap(&:free))
    },
    "a releaser of a frozen owner" => -> { SafePointer::Releaser.attach("".freeze, FFI::Pointer.new(64), ->(_) {}) },
    "a registry" => -> { SafePointer::FinalizationRegistry.new {}.register(Object.new, 1) }
  }.each do |what, use|
    it "does not count #{what} as alive" do
      changes = counted do
        use.call
      rescue RuntimeError # FrozenError and SafePointer::ReleasedError too
        nil
      end
      expect(changes.keys - %i[created free]).to be_empty
    end
  end

  describe "bytes" do
    it "are those of size: while the pointer is alive" do
      pointer = nil
      expect(counted { pointer = Handle.new(Oracle.create, size: 1_000) }).to include(bytes: 1_000)
      expect(counted { pointer.size = 300 }).to eq(bytes: -700)
      expect(counted { pointer.autorelease = false }).to eq(bytes: -300)
      expect(counted { pointer.autorelease = true }).to eq(bytes: 300)
      expect(counted { pointer.free }).to include(bytes: -300)
    end

    it "go with what is given away" do
      pointer = Handle.new(Oracle.create, size: 1_000)
      expect(counted { Oracle.free(pointer.detach) }).to include(bytes: -1_000)
    end
  end
end
