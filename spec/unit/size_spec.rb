# frozen_string_literal: true

RSpec.describe SafePointer, "with a size" do
  # Far beyond what an example itself allocates.
  unit = 64 << 20

  # No collection may start the count anew meanwhile. Since Ruby 4.1 what is freed beyond it is owed, and shown as 0.
  around do |example|
    GC.start
    GC.disable
    example.run
  ensure
    GC.enable
  end

  # By how many units more the collector counts after the block.
  define_method(:counted) do |&block|
    before = GC.stat(:malloc_increase_bytes)
    block.call
    ((GC.stat(:malloc_increase_bytes) - before) / unit.to_f).round
  end

  struct_type = Class.new(SafePointer::ManagedStruct) do
    layout :x, :int
    def self.release(raw) = Oracle.free(raw)
  end

  kept = []
  makers = {
    "a pointer" => ->(**options) { SafePointer.new(Oracle.create, Oracle.method(:free), **options) },
    "a pointer of a class with a release" => ->(**options) { Handle.new(Oracle.create, **options) },
    "a ManagedStruct" => ->(**options) { struct_type.new(Oracle.create, **options).pointer },
    "a releaser" => ->(**options) { SafePointer::Releaser.new(Oracle.create, Oracle.method(:free), **options) },
    "an owner's releaser" => lambda { |**options|
      SafePointer::Releaser.attach(kept.push(Object.new).last, Oracle.create, Oracle.method(:free), **options)
    }
  }

  makers.each do |what, make|
    it "has the collector count it from the start: #{what}" do
      expect(counted { @pointer = make.call(size: 3 * unit) }).to be 3
      expect(counted { @pointer.free }).to be(-3)
      expect(counted { @pointer.free }).to be 0
    end

    it "has it counted only if there is one: #{what}" do
      expect(counted { @pointer = make.call }).to be 0
      expect(counted { @pointer.free }).to be 0
    end

    it "is not counted while autorelease is off: #{what}" do
      pointer = make.call(size: 3 * unit)
      2.times { expect(counted { pointer.autorelease = true }).to be 0 }
      expect(counted { pointer.autorelease = false }).to be(-3)
      expect(counted { pointer.autorelease = false }).to be 0
      expect(counted { pointer.autorelease = true }).to be 3
      expect(counted { pointer.autorelease = false }).to be(-3)
      expect(counted { pointer.free }).to be 0
      expect(counted { pointer.autorelease = true }).to be 0
    end
  end

  describe "#native_size" do
    it "is zero at first" do
      expect(Handle.new(Oracle.create).native_size).to be 0
    end

    it "is zero of a pointer that was never initialized" do
      expect(Handle.allocate.native_size).to be 0
    end

    it "is what was given last" do
      pointer = Handle.new(Oracle.create, size: 8)
      sizes = [pointer.native_size, pointer.size = 16, pointer.native_size, pointer.size = 0, pointer.native_size]
      expect(sizes).to eq [8, 16, 16, 0, 0]
    end

    it "does not change with the release" do
      pointer = Handle.new(Oracle.create, size: 8)
      pointer.free
      expect(pointer.native_size).to be 8
    end

    it "leaves the size that ffi knows alone" do
      raw = Oracle.create(size: 16)
      expect(Handle.new(raw.slice(0, 16), size: 8).size).to be 16
    end
  end

  describe "#size=" do
    it "counts the difference" do
      pointer = Handle.new(Oracle.create)
      differences = [3, 5, 5, 1, 0, 2].map { |units| counted { pointer.size = units * unit } }
      expect(differences).to eq [3, 2, 0, -4, -1, 2]
      expect(counted { pointer.free }).to be(-2)
    end

    it "counts nothing while autorelease is off, and all of it from then on" do
      pointer = Handle.new(Oracle.create, size: unit)
      pointer.autorelease = false
      expect(counted { pointer.size = 3 * unit }).to be 0
      expect(counted { pointer.autorelease = true }).to be 3
      expect(counted { pointer.free }).to be(-3)
    end
  end

  describe "is taken back" do
    {
      "when it is detached" => ->(pointer) { pointer.detach },
      "by a release that raises" => lambda { |pointer|
        pointer.class.define_singleton_method(:release) { |_| raise IOError }
        pointer.free rescue nil
      },
      "by the class's release, called by hand" => ->(pointer) { pointer.class.release(pointer) },
      "by the finalizer" => ->(pointer) { pointer.instance_variable_get(:@releaser).call(pointer.object_id) },
      "by a free of a single pointer's own" => lambda { |pointer|
        pointer.define_singleton_method(:free) { Oracle.free(self) }
        pointer.free
      }
    }.each do |how, end_it|
      it how do
        pointer = Class.new(Handle).new(Oracle.create, size: 3 * unit)
        expect(counted { end_it.call(pointer) }).to be(-3)
        expect(counted { pointer.free }).to be 0
      end
    end

    it "when the release comes, not when it is asked for" do
      parent = Handle.new(Oracle.create, size: 3 * unit)
      child = Handle.new(Oracle.create, parent: parent, size: unit)
      expect(counted { parent.free }).to be 0
      expect(counted { child.use { expect(counted { child.free }).to be 0 } }).to be(-4)
    end

    it "when the parent's release destroys it" do
      parent = Handle.new(Oracle.create, size: unit)
      child = Handle.new(Oracle.create, parent: parent, freed_by_parent: true, size: unit)
      grandchild = Handle.new(Oracle.create, parent: child, freed_by_parent: true, size: unit)
      expect(counted { parent.free }).to be(-3)
      [true, false, true].each { |on| expect(counted { child.autorelease = grandchild.autorelease = on }).to be 0 }
      expect(counted { [child, grandchild].each(&:free) }).to be 0
    end

    it "when its construction fails after all" do
      pointer = Handle.allocate.freeze
      construct = -> { pointer.__send__(:initialize, Oracle.create, size: 3 * unit) }
      expect(counted { expect(&construct).to raise_error(FrozenError) }).to be 0
    end
  end

  describe "refuses" do
    too_many = 256**FFI.type_size(:size_t) / 2
    {
      "a Float" => [1.5, TypeError, "size must be an Integer, not 1.5"],
      "a String" => ["8", TypeError, 'size must be an Integer, not "8"'],
      "nil" => [nil, TypeError, "size must be an Integer, not nil"],
      "true" => [true, TypeError, "size must be an Integer, not true"],
      "a negative number" => [-1, ArgumentError, "size must be a number of bytes, not -1"],
      "more bytes than there can be" => [too_many, ArgumentError, "size must be a number of bytes, not #{too_many}"],
      "a number no memory has room for" => [2**70, ArgumentError, "size must be a number of bytes, not #{2**70}"]
    }.each do |what, (size, error, message)|
      it what do
        pointer = Handle.new(Oracle.create, size: 8)
        expect { pointer.size = size }.to raise_error(error, "Handle#size=: #{message}")
        expect(pointer.native_size).to be 8
        expect { Handle.new(Oracle.create, size: size) }.to raise_error(error, "Handle.new: #{message}")
        expect { SafePointer::Releaser.new(Oracle.create, Oracle.method(:free), size: size) }
          .to raise_error(error, "SafePointer::Releaser.new: #{message}")
      end
    end

    {
      "a released pointer" => [:free.to_proc, SafePointer::ReleasedError, /\AHandle#size=: .* freed> owns no/],
      "a detached pointer" => [:detach.to_proc, SafePointer::ReleasedError, /\AHandle#size=: .* owns no pointer\z/],
      "a frozen pointer" => [:freeze.to_proc, FrozenError, /can't modify frozen Handle/]
    }.each do |what, (prepare, *error)|
      it "one for #{what}" do
        pointer = Handle.new(Oracle.create, size: unit).tap(&prepare)
        expect(counted { expect { pointer.size = 3 * unit }.to raise_error(*error) }).to be 0
        expect(pointer.native_size).to be unit
      end
    end

    it "one for a pointer that was never initialized" do
      expect { Handle.allocate.size = 8 }.to raise_error(RuntimeError, "Handle#size=: not initialized")
    end
  end
end
