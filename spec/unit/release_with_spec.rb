# frozen_string_literal: true

require_relative "../support/native_handle"

# How a C function is declared, and what becomes of one pointer. GC, exit and threads: spec/integration/native_release_spec.rb.
RSpec.describe "release_with" do
  symbol = Oracle.ffi_libraries.first.find_function("oracle_free")
  function = lambda { |*parameters, result: :void, at: symbol|
    FFI::Function.new(FFI.find_type(result), parameters.map { |type| FFI.find_type(type) }, at)
  }
  struct = Class.new(FFI::Struct) { layout :x, :int }

  # The log of a child that has made a pointer of `type` and freed it twice.
  def freed_twice(type)
    in_child do |events|
      pointer = type.new(events.raw)
      events << [pointer.free, pointer.free, pointer.null?, pointer.freed?]
    end
  end

  describe "takes" do
    {
      "a library and a Symbol" => [Oracle, :free],
      "a library and a String" => [Oracle, "free"],
      "a function that blocks" => [Oracle, :free_at_gate],
      "a symbol of a library" => [symbol],
      "an FFI::Function" => [function.call(:pointer)],
      "a function of a string" => [function.call(:string)],
      "a function of a buffer" => [function.call(:buffer_inout)],
      "a function of a pointer class" => [function.call(Handle)],
      "a function of a struct" => [function.call(struct.by_ref)],
      "a function that returns a number" => [function.call(:pointer, result: :int)],
      "a function that returns a pointer" => [function.call(:pointer, result: :pointer)]
    }.each do |what, given|
      it what do
        type = Class.new(SafePointer) { release_with(*given) }
        expect(freed_twice(type) - [:at_gate]).to eq [:released, [nil, nil, true, true]]
      end
    end
  end

  describe "refuses" do
    variadic = Module.new do
      extend FFI::Library
      ffi_lib FFI::Library::LIBC
      attach_function :printf, %i[string varargs], :int
    end
    foreign = "needs a library and the name of a function, an FFI::Function or an FFI::DynamicLibrary::Symbol, not "
    unattached = /\A\S+ has no function \S+ attached that takes one pointer\z/
    signature = /\A#<FFI::Function.*> does not take one pointer and nothing else\z/

    {
      "nothing" => [TypeError, foreign, []],
      "nil" => [TypeError, "#{foreign}nil", [nil]],
      "a name without a library" => [TypeError, "#{foreign}:free", [:free]],
      "a library without a name" => [TypeError, "#{foreign}Oracle", [Oracle]],
      "a number for a name" => [TypeError, "#{foreign}Oracle, 42", [Oracle, 42]],
      "a third argument" => [TypeError, "#{foreign}Oracle, :free, 1", [Oracle, :free, 1]],
      "a lambda" => [TypeError, /\A#{foreign}#<Proc/, [->(_) {}]],
      "a Method" => [TypeError, /\A#{foreign}#<Method/, [Oracle.method(:free)]],
      "a plain pointer" => [TypeError, /\A#{foreign}#<FFI::Pointer/, [FFI::Pointer.new(symbol.address)]],
      "a Ruby block as FFI::Function" => [
        TypeError, /\A#<FFI::Function.*> is made of a Ruby block\z/, [FFI::Function.new(:void, [:pointer]) {}]
      ],
      "a name that is not attached" => [ArgumentError, unattached, [Oracle, :oracle_free]],
      "a name that is none" => [ArgumentError, unattached, [Oracle, "no-name"]],
      "a module that is no library" => [ArgumentError, unattached, [Comparable, :free]],
      "a function of a variable number of arguments" => [ArgumentError, unattached, [variadic, :printf]],
      "a function without parameters" => [ArgumentError, signature, [function.call]],
      "a function of two pointers" => [ArgumentError, signature, [function.call(:pointer, :pointer)]],
      "a function of an integer" => [ArgumentError, signature, [function.call(:long)]],
      "a function of a struct by value" => [ArgumentError, signature, [function.call(struct.by_value)]],
      "a function that returns a struct" => [ArgumentError, signature, [function.call(:pointer, result: struct.by_value)]],
      "NULL" => [ArgumentError, /\A#<FFI::Function.*> is NULL\z/, [function.call(:pointer, at: FFI::Pointer::NULL)]],
      "an address that is no code" => [
        ArgumentError, /\A#<FFI::Function.*> is in no library\z/, [function.call(:pointer, at: FFI::Pointer.new(16))]
      ]
    }.each do |what, (error, message, given)|
      it "#{what}, and leaves the class as it was" do
        type = Class.new(NativeHandle)
        expect { type.release_with(*given) }.to raise_error(error) { |raised|
          method, _, reason = raised.message.partition("release_with: ")
          expect(method).to eq "#{type}."
          expect(message).to be === reason
        }
        expect(freed_twice(type)).to eq [:released, [nil, nil, true, true]]
      end
    end

    it "the base class" do
      expect { SafePointer.release_with(Oracle, :free) }
        .to raise_error(ArgumentError, "SafePointer.release_with: declare it in a subclass")
    end
  end

  describe "goes for" do
    ruby_release = ->(name) { ->(raw) { Events.current << name; Oracle.free(raw) } }

    # What is done after the first pointer of the class, and how pointers made later are released.
    {
      "a subclass" => [->(type) { Class.new(type) }, [:released]],
      "a subclass's subclass" => [->(type) { Class.new(Class.new(type)) }, [:released]],
      "no subclass with a release of its own" => [
        ->(type) { Class.new(type) { define_singleton_method(:release, &ruby_release[:ruby]) } }, %i[ruby released]
      ],
      "no subclass that extends itself by a release" => [
        ->(type) { Class.new(type) { extend(Module.new { define_method(:release, &ruby_release[:ruby]) }) } },
        %i[ruby released]
      ],
      "no subclass with a function of its own" => [
        ->(type) { Class.new(type) { release_with Oracle, :free_at_gate } }, %i[at_gate released]
      ],
      "no class that has got a release since" => [
        ->(type) { type.tap { type.define_singleton_method(:release, &ruby_release[:ruby]) } }, %i[ruby released]
      ],
      "no class that has got another function since" => [
        ->(type) { type.tap { type.release_with Oracle, :free_at_gate } }, %i[at_gate released]
      ],
      "no subclass of one that has got another function since" => [
        ->(type) { Class.new(type).tap { type.release_with Oracle, :free_at_gate } }, %i[at_gate released]
      ],
      "a class that had a release before, again" => [
        lambda { |type|
          type.define_singleton_method(:release, &ruby_release[:ruby])
          type.tap { type.release_with Oracle, :free }
        }, [:released]
      ],
      "a release that calls super" => [
        lambda { |type|
          Class.new(type) do
            def self.release(raw)
              Events.current << :ruby
              super
            end
          end
        }, %i[ruby released]
      ]
    }.each do |what, (change, releases)|
      it what do
        log = in_child do |events|
          type = Class.new(SafePointer) { release_with Oracle, :free }
          type.new(events.raw(:before)).free
          type = change.call(type)
          type.new(events.raw).free
          @at_exit = type.new(events.raw)
        end
        expect(log).to eq [%i[released before], *releases, *releases]
      end
    end

    it "pointers made before it, too" do
      log = in_child do |events|
        type = Class.new(SafePointer) { define_singleton_method(:release, &ruby_release[:ruby]) }
        kept = type.new(events.raw(:kept))
        out_of_reach do
          dead = type.new(events.raw(:dead))
          type.release_with Oracle, :free
          dead.freed?
        end
        full_gc
        events << :collected
        kept.free
      end
      expect(log).to eq [%i[released dead], :collected, %i[released kept]]
    end

    it "no pointer that is given a callable" do
      log = in_child { |events| NativeHandle.new(events.raw, ruby_release[:callable]).free }
      expect(log).to eq %i[callable released]
    end

    it "a pointer that is given a block, or nil for a callable" do
      log = in_child do |events|
        NativeHandle.new(events.raw) { events << :block }.free
        NativeHandle.new(events.raw, nil).free
      end
      expect(log).to eq %i[released released]
    end
  end

  describe "leaves a pointer" do
    def log_of
      in_child { |events| yield NativeHandle.new(events.raw), events }
    end

    it "that says where it pointed after it is freed" do
      pointer = NativeHandle.new(Oracle.create)
      before = pointer.inspect
      pointer.free
      expect(pointer.inspect).to eq before.sub(">", " freed>")
      expect { pointer.read_int }.to raise_error(FFI::NullPointerError)
      expect { Oracle.address(pointer) }.not_to raise_error
    end

    it "that is freed while it is frozen" do
      log = log_of do |pointer, events|
        pointer.freeze.free
        events << [pointer.freed?, pointer.null?, pointer.free]
      end
      expect(log).to eq [:released, [true, true, nil]]
    end

    it "that answers every question while it is frozen" do
      log = log_of do |pointer, events|
        pointer.freeze
        events << %i[parent native_size instance_variables freed? detached? autorelease?].map { |ask| pointer.send(ask) }
      end
      expect(log).to eq [[nil, 0, [], false, false, true], :released]
    end

    it "that can be used while it is frozen" do
      log = log_of { |pointer, events| pointer.freeze.use { |raw| events << (raw.address == pointer.address) } }
      expect(log).to eq [true, :released]
    end

    it "that can be given away" do
      log = log_of do |pointer, events|
        raw = pointer.detach
        events << [raw.class, raw.address == pointer.address, pointer.detached?, pointer.free, pointer.autorelease?]
        events << (pointer.detach rescue $!.class)
      end
      expect(log).to eq [[FFI::Pointer, true, true, nil, false], SafePointer::ReleasedError]
    end

    it "that GC and exit leave alone without autorelease, and free does not" do
      log = log_of do |pointer, events|
        pointer.autorelease = false
        out_of_reach { NativeHandle.new(Events.current.raw(:dead)).autorelease = false }
        full_gc
        events << [pointer.autorelease?, pointer.freed?]
        kept = NativeHandle.new(events.raw(:kept))
        kept.autorelease = false
        kept.autorelease = true
        pointer.free
      end
      expect(log).to eq [[false, false], :released, %i[released kept]]
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
