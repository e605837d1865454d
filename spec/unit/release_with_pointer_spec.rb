# frozen_string_literal: true

require_relative "../support/native_handle"

# What becomes of one pointer that a C function releases. GC, exit and threads:
# spec/integration/native_release_spec.rb.
RSpec.describe "release_with" do
  # What is done with a pointer, and the log of it to the end of the process.
  {
    "that is freed while it is frozen" => [
      lambda { |pointer, events|
        pointer.freeze.free
        events << [pointer.freed?, pointer.null?, pointer.free]
      },
      [:released, [true, true, nil]]
    ],
    "that answers every question while it is frozen" => [
      lambda { |pointer, events|
        pointer.freeze
        events << %i[parent native_size instance_variables freed? detached? autorelease?].map { |ask| pointer.send(ask) }
      },
      [[nil, 0, [], false, false, true], :released]
    ],
    "that can be used while it is frozen" => [
      ->(pointer, events) { pointer.freeze.use { |raw| events << (raw.address == pointer.address) } },
      [true, :released]
    ],
    "that can be given away" => [
      lambda { |pointer, events|
        raw = pointer.detach
        events << [raw.class, raw.address == pointer.address, pointer.detached?, pointer.free, pointer.autorelease?]
        events << (pointer.detach rescue $!.class)
      },
      [[FFI::Pointer, true, true, nil, false], SafePointer::ReleasedError]
    ],
    "that GC and exit leave alone without autorelease, and free does not" => [
      lambda { |pointer, events|
        pointer.autorelease = false
        out_of_reach { NativeHandle.new(Events.current.raw(:dead)).autorelease = false }
        full_gc
        events << [pointer.autorelease?, pointer.freed?]
        kept = NativeHandle.new(events.raw(:kept))
        kept.autorelease = false
        kept.autorelease = true
        pointer.free
      },
      [[false, false], :released, %i[released kept]]
    ]
  }.each do |what, (steps, expected)|
    it "leaves a pointer #{what}" do
      log = in_child { |events| instance_exec(NativeHandle.new(events.raw), events, &steps) }
      expect(log).to eq expected
    end
  end

  describe "leaves a pointer" do
    it "that says where it pointed after it is freed" do
      pointer = NativeHandle.new(Oracle.create)
      before = pointer.inspect
      pointer.free
      expect(pointer.inspect).to eq before.sub(">", " freed>")
      expect { pointer.read_int }.to raise_error(FFI::NullPointerError)
      expect { Oracle.address(pointer) }.not_to raise_error
    end

    it "that has no copy" do
      pointer = NativeHandle.new(Oracle.create)
      %i[dup clone].each { |copy| expect { pointer.send(copy) }.to raise_error(RuntimeError, "cannot duplicate SafePointer") }
      expect { pointer.send(:initialize, Oracle.create) }.to raise_error(RuntimeError, /is already initialized\z/)
    end

    it "that is never released if it is NULL" do
      log = in_child do |events|
        pointer = NativeHandle.new(FFI::Pointer::NULL)
        events << [pointer.freed?, pointer.free, pointer.freed?]
      end
      expect(log).to eq [[false, nil, true]]
    end

    it "that only allocated has nothing to be released" do
      pointer = NativeHandle.allocate
      expect([pointer.free, pointer.freed?, pointer.autorelease?]).to eq [nil, false, false]
    end

    it "whose free takes no arguments" do
      pointer = NativeHandle.new(Oracle.create)
      expect { pointer.free(1) }.to raise_error(ArgumentError)
      expect(pointer).not_to be_freed
    end

    it "made by from_native, and by open" do
      log = in_child do |events|
        events << NativeHandle.from_native(events.raw, nil).free
        NativeHandle.open(events.raw(:opened)) { |pointer| events << pointer.freed? }
      end
      expect(log).to eq [:released, nil, false, %i[released opened]]
    end
  end

  describe "called by hand as release" do
    it "frees the pointer, once" do
      log = in_child do |events|
        pointer = NativeHandle.new(events.raw)
        events << [NativeHandle.release(pointer), pointer.freed?, pointer.null?, NativeHandle.release(pointer), pointer.free]
      end
      expect(log).to eq [:released, [nil, true, true, nil, nil]]
    end

    it "releases a raw pointer" do
      log = in_child { |events| NativeHandle.release(events.raw) }
      expect(log).to eq [:released]
    end

    [nil, 42, "text", Object.new].each do |value|
      it "refuses #{value.class}" do
        expect { NativeHandle.release(value) }.to raise_error(NoMethodError)
      end
    end
  end

  describe "with methods of the class's own" do
    {
      "a free" => ->(*) { define_method(:free) { Oracle.free(self) } },
      "a free with arguments" => ->(*) { define_method(:free) { |_now = 1, **| Oracle.free(self) } },
      "a free that calls super" => ->(*) { define_method(:free) { |*arguments| super(*arguments) } },
      "a free that calls release" => ->(*) { define_method(:free) { self.class.release(self) } },
      "a method named with frees_with" => lambda { |*|
        frees_with :close
        define_method(:close) { Oracle.free(self) }
        define_method(:free) { close }
      }
    }.each do |what, body|
      it "is released once by #{what}, and by the function at GC and exit" do
        log = in_child do |events|
          type = Class.new(NativeHandle, &body)
          pointer = type.new(events.raw(:by_hand))
          2.times { pointer.free }
          events << [pointer.freed?, pointer.null?]
          out_of_reach { type.new(Events.current.raw(:dead)) }
          full_gc
          @at_exit = type.new(events.raw(:at_exit))
        end
        expect(log).to eq [%i[released by_hand], [true, true], %i[released dead], %i[released at_exit]]
      end
    end

    it "counts as freed by a free of its own that raises" do
      log = in_child do |events|
        type = Class.new(NativeHandle) { def free = raise("no") }
        pointer = type.new(events.raw)
        events << (pointer.free rescue $!.message) << pointer.freed? << pointer.free
      end
      expect(log).to eq ["no", true, nil]
    end

    it "runs the workaround for AutoPointer, which sets what the releaser has" do
      log = in_child do |events|
        type = Class.new(NativeHandle) do
          def free
            Oracle.free(self)
            @releaser.instance_variable_set(:@autorelease, false)
            @releaser.instance_variable_set(:@ptr, nil)
            @releaser.instance_variable_set(:@proc, nil)
          end
        end
        pointer = type.new(events.raw)
        2.times { pointer.free }
        @at_exit = type.new(events.raw(:at_exit))
      end
      expect(log).to eq [:released, %i[released at_exit]]
    end
  end

  describe "in a family" do
    it "waits for its children, whatever releases them" do
      log = in_child do |events|
        [NativeHandle, Handle].product([NativeHandle, Handle]).each do |older, younger|
          parent = older.new(events.raw(:parent))
          child = younger.new(events.raw(:child), parent: parent)
          events << [parent.free, parent.freed?, child.parent.equal?(parent)]
          child.free
          events << parent.freed?
        end
      end
      expect(log).to eq [[nil, false, true], %i[released child], %i[released parent], true] * 4
    end

    it "frees those that its release frees, without a call" do
      log = in_child do |events|
        parent = NativeHandle.new(events.raw)
        child = NativeHandle.new(FFI::Pointer.new(64), parent: parent, freed_by_parent: true)
        parent.free
        events << [child.freed?, child.null?, child.free]
      end
      expect(log).to eq [:released, [true, true, nil]]
    end

    it "waits for leases" do
      log = in_child do |events|
        pointer = NativeHandle.new(events.raw)
        pointer.use do |raw|
          events << [raw.address == pointer.address, pointer.free, pointer.freed?]
        end
        events << pointer.freed? << (pointer.use { 1 } rescue $!.class)
      end
      expect(log).to eq [[true, nil, false], :released, true, SafePointer::ReleasedError]
    end

    it "knows its size" do
      pointer = NativeHandle.new(Oracle.create, size: 64)
      pointer.size = 128
      expect(pointer.native_size).to be 128
      pointer.free
      expect { pointer.size = 1 }.to raise_error(SafePointer::ReleasedError)
    end
  end
end
