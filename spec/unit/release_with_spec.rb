# frozen_string_literal: true

require_relative "../support/native_handle"

# How a C function is declared, and whom that goes for. What becomes of one pointer: release_with_pointer_spec.rb.
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

  it "does not ask the class for its text" do
    type = Class.new(SafePointer) do
      def self.to_s = raise(IOError)
      release_with Oracle, :free
    end
    expect(freed_twice(type)).to eq [:released, [nil, nil, true, true]]
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
      "a class that has put its release back, not for the other function it had meanwhile" => [
        lambda { |type|
          free = type.method(:release)
          type.release_with Oracle, :free_at_gate
          type.tap { type.define_singleton_method(:release, free) }
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

    {
      "a class" => ->(type) { type },
      "a subclass" => ->(type) { Class.new(Class.new(type)) },
      "a class that has put its release back" => lambda { |type|
        release = type.method(:release)
        type.define_singleton_method(:release) { |raw| raise raw.inspect }
        type.new(FFI::Pointer.new(8)).autorelease = false
        type.tap { type.define_singleton_method(:release, release) }
      }
    }.each do |what, change|
      it "#{what}, without any Ruby", :room do
        log = in_child do |events|
          pointer = change.call(Class.new(SafePointer) { release_with Oracle, :free }).new(events.raw)
          events << ruby_calls { pointer.free }
        end
        expect(log).to eq [:released, []]
      end
    end

    # These have a releaser.
    {
      "with a parent" => ->(type, raw) { type.new(raw, parent: type.new(FFI::Pointer::NULL)) },
      "with a size" => ->(type, raw) { type.new(raw, size: 8) },
      "that has been used" => ->(type, raw) { type.new(raw).tap { |pointer| pointer.use { nil } } },
      "with a child" => ->(type, raw) { type.new(raw).tap { |pointer| type.new(FFI::Pointer::NULL, parent: pointer) } }
    }.each do |what, make|
      it "a pointer #{what}, without any Ruby", :room do
        log = in_child do |events|
          pointer = make.call(Class.new(SafePointer) { release_with Oracle, :free }, events.raw)
          events << ruby_calls { pointer.free }
        end
        expect(log).to eq [:released, []]
      end

      it "no pointer #{what} whose class has got a release since, until that is gone" do
        log = in_child do |events|
          type = Class.new(SafePointer) { release_with Oracle, :free }
          pointers = [make.call(type, events.raw(:first)), make.call(type, events.raw(:last))]
          function = type.method(:release)
          type.define_singleton_method(:release, &ruby_release[:ruby])
          pointers.first.free
          type.define_singleton_method(:release, function)
          pointers.last.free
        end
        expect(log).to eq [:ruby, %i[released first], %i[released last]]
      end
    end

    {
      "a release of its own" => [->(type) { type.define_singleton_method(:release, &ruby_release[:ruby]) }, :ruby],
      "another function" => [->(type) { type.release_with Oracle, :free_at_gate }, :at_gate]
    }.each do |what, (change, called)|
      it "no pointer of a frozen class whose superclass has got #{what} since" do
        log = in_child do |events|
          type = Class.new(SafePointer) { release_with Oracle, :free }
          frozen = Class.new(type)
          pointers = [frozen.new(events.raw, size: 8), frozen.new(events.raw).tap { |pointer| pointer.use { nil } }]
          frozen.freeze
          change.call(type)
          [*pointers, frozen.new(events.raw), frozen.new(events.raw, size: 8)].each(&:free)
        end
        expect(log).to eq [called, :released] * 4
      end
    end

    it "a frozen class's pointer with a free of its own, into which an interrupt comes" do
      log = in_child do |events|
        type = Class.new(SafePointer) { release_with Oracle, :free; def free = super }
        pointer = Class.new(type).freeze.new(events.raw, size: 8)
        guard = SafePointer::Guard.method(:check).source_location.first
        interrupt = TracePoint.new(:call) do |call|
          interrupt.disable && raise(Interrupt) if call.method_id == :check && call.path == guard
        end
        interrupt.enable { pointer.free }
        pointer.free
      end
      expect(log).to eq [:released]
    end

    it "no wrapped object that is more than an address: the class's release gets that very object" do
      log = in_child do |events|
        type = Class.new(SafePointer) { release_with Oracle, :free }
        raw = Class.new(FFI::Pointer).new(events.raw)
        pointer = type.new(raw)
        asked = []
        raw.define_singleton_method(:to_ptr) { asked << equal?(raw) && self }
        pointer.free
        events << asked
      end
      expect(log).to eq [:released, [true]]
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
end
