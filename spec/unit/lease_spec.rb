# frozen_string_literal: true

require "timeout"

RSpec.describe SafePointer, "#use" do
  # Memory whose class method is the destructor.
  def struct_type
    Class.new(SafePointer::ManagedStruct) do
      layout :x, :int
      def self.release(raw) = Oracle.free(raw)
    end
  end

  it "returns what the block returns" do
    expect(Handle.new(Oracle.create).use { |_| :result }).to be :result
  end

  {
    "with a callable" => ->(raw, _) { SafePointer.new(raw, Oracle.method(:free)) },
    "with a class's release" => ->(raw, _) { Handle.new(raw) },
    "with a free of its own" => ->(raw, _) { Class.new(Handle) { def free = super }.new(raw) },
    "that is frozen" => ->(raw, _) { Handle.new(raw).freeze },
    "that is not to be released by GC" => ->(raw, _) { Handle.new(raw).tap { |pointer| pointer.autorelease = false } },
    "of a ManagedStruct" => ->(raw, type) { type.new(raw).pointer }
  }.each do |what, make|
    it "yields the very object that was wrapped of a pointer #{what}" do
      raw = Oracle.create
      expect { |block| make.call(raw, struct_type).use(&block) }.to yield_with_args(equal(raw))
    end
  end

  it "yields the NULL that was wrapped" do
    raw = FFI::Pointer.new(0)
    expect { |block| Handle.new(raw).use(&block) }.to yield_with_args(equal(raw))
  end

  it "takes a method of the wrapped object as its block" do
    raw = Oracle.create
    expect(Handle.new(raw).use(&:address)).to eq raw.address
  end

  it "raises without a block, and holds nothing then" do
    pointer = Handle.new(Oracle.create)
    expect { pointer.use }.to raise_error(LocalJumpError, "Handle#use: no block given")
    pointer.free
    expect(pointer).to be_freed
  end

  it "refuses arguments" do
    expect { Handle.new(Oracle.create).use(1) { nil } }.to raise_error(ArgumentError)
  end

  describe "refuses" do
    {
      "a freed pointer" => -> { Handle.new(Oracle.create).tap(&:free) },
      "a detached pointer" => -> { Handle.new(Oracle.create).tap(&:detach) },
      "a freed NULL" => -> { Handle.new(FFI::Pointer::NULL).tap(&:free) },
      "a pointer that was released with its parent" => lambda {
        parent = Handle.new(Oracle.create)
        Handle.new(Oracle.create, parent: parent, freed_by_parent: true).tap { parent.free }
      }
    }.each do |what, make|
      it what do
        pointer = make.call
        refusal = raise_error(SafePointer::ReleasedError)
        expect { |block| expect { pointer.use(&block) }.to refusal }.not_to yield_control
        expect { pointer.use { nil } }.to raise_error("Handle#use: #{pointer.inspect} owns no pointer")
      end
    end

    it "a pointer that was never initialized" do
      expect { Handle.allocate.use { nil } }.to raise_error(RuntimeError, "Handle#use: not initialized")
    end

    it "a pointer in whose release it is called" do
      refused = nil
      pointer = SafePointer.new(Oracle.create) do |raw|
        refused = (pointer.use { nil } rescue $!.class)
        Oracle.free(raw)
      end
      pointer.free
      expect(refused).to be SafePointer::ReleasedError
    end
  end

  # Each takes the pointer and what to do while it has the lease.
  ways_out = {
    "the block returns" => ->(pointer, body) { pointer.use { body.call } },
    "the block calls next" => ->(pointer, body) { pointer.use { next body.call } },
    "the block calls break" => lambda { |pointer, body|
      pointer.use do
        body.call
        break
      end
    },
    "the method around it returns" => lambda { |pointer, body|
      pointer.use do
        body.call
        return
      end
    },
    "an error is raised" => lambda { |pointer, body|
      pointer.use { body.call && raise(IOError) } rescue nil
    },
    "something is thrown" => ->(pointer, body) { catch(:out) { pointer.use { body.call && throw(:out) } } },
    "its thread ends itself" => lambda { |pointer, body|
      Thread.new { pointer.use { body.call && Thread.exit } }.join
    },
    "a fiber comes back to its end" => lambda { |pointer, body|
      fiber = Fiber.new { pointer.use { body.call && Fiber.yield } }
      2.times { fiber.resume }
    },
    **{
      "is killed" => :kill.to_proc,
      "is interrupted" => ->(thread) { thread.raise(IOError, "stop") },
      "is timed out" => ->(thread) { thread.raise(Timeout::Error, "too late") }
    }.to_h do |what, interrupt|
      way = lambda do |pointer, body|
        entered = Queue.new
        thread = Thread.new { pointer.use { body.call && entered.push(true) && Thread.stop } }
        thread.report_on_exception = false
        entered.pop
        interrupt.call(thread)
        thread.join rescue nil
      end
      ["its thread #{what}", way]
    end
  }

  ways_out.each do |way, leave|
    it "keeps the release off until #{way}" do
      log = in_child do |events|
        pointer = events.pointer
        leave.call(pointer, -> { events << [pointer.free, pointer.freed?, pointer.null?] })
        events << [pointer.freed?, pointer.null?, pointer.free]
      end
      expect(log).to eq [[nil, false, false], :released, [true, true, nil]]
    end

    it "is over when #{way}" do
      log = in_child do |events|
        pointer = events.pointer
        leave.call(pointer, -> { events << :used })
        events << pointer.freed? << pointer.free << pointer.freed?
      end
      expect(log).to eq [:used, false, :released, nil, true]
    end
  end

  it "may be nested: the outermost end releases" do
    log = in_child do |events|
      pointer = events.pointer
      pointer.use do
        pointer.use do
          pointer.use { pointer.free }
          events << :inner_over
          pointer.use { events << :one_more }
        end
        events << :middle_over
      end
      events << :outer_over
    end
    expect(log).to eq [:inner_over, :one_more, :middle_over, :released, :outer_over]
  end

  it "may be nested in different fibers of a thread" do
    log = in_child do |events|
      pointer = events.pointer
      fiber = Fiber.new { pointer.use { Fiber.yield } }
      fiber.resume
      pointer.use { pointer.free }
      events << [:main_over, pointer.freed?]
      fiber.resume
      events << pointer.freed?
    end
    expect(log).to eq [[:main_over, false], :released, true]
  end

  it "holds one pointer and no other" do
    log = in_child do |events|
      held = events.pointer(:held)
      held.use do
        events.pointer(:other).free
        held.free
      end
    end
    expect(log).to eq [[:released, :other], [:released, :held]]
  end

  it "does not change what the pointer is while it lasts" do
    pointer = Handle.new(Oracle.create)
    before = [pointer.address, pointer.inspect, pointer.autorelease?]
    pointer.use do
      pointer.free
      expect([pointer.address, pointer.inspect, pointer.autorelease?]).to eq before
      pointer.write_int(42)
      expect(Oracle.address(pointer)).to eq pointer.address
    end
  end

  describe "while it lasts" do
    # Who asks for the release. All of them lead to one release, and to NULL.
    {
      "free" => ->(pointer, _) { pointer.free },
      "the class's release, called by hand" => ->(pointer, _) { pointer.class.release(pointer) },
      "the releaser's free" => ->(pointer, _) { pointer.instance_variable_get(:@releaser).free },
      "the releaser's release" => ->(pointer, raw) { pointer.instance_variable_get(:@releaser).release(raw) },
      "the releaser's call" => ->(pointer, _) { pointer.instance_variable_get(:@releaser).call }
    }.each do |who, ask|
      {"a pointer" => :itself, "a frozen pointer" => :freeze}.each do |what, prepare|
        it "#{who} of #{what} waits" do
          log = in_child do |events|
            pointer = Handle.new(events.raw).public_send(prepare)
            pointer.use do |raw|
              2.times { ask.call(pointer, raw) }
              events << [pointer.freed?, pointer.null?]
            end
            ask.call(pointer, pointer)
            events << [pointer.freed?, pointer.null?]
          end
          expect(log).to eq [[false, false], :released, [true, true]]
        end
      end
    end

    it "the releases by all of them are one" do
      log = in_child do |events|
        pointer = Handle.new(events.raw)
        releaser = pointer.instance_variable_get(:@releaser)
        asks = [-> { pointer.free }, -> { Handle.release(pointer) }, -> { releaser.free }, -> { releaser.call }]
        pointer.use { asks.each(&:call) }
        events << [pointer.freed?, pointer.null?]
      end
      expect(log).to eq [:released, [true, true]]
    end

    it "the free of a ManagedStruct waits, and its fields can be read" do
      log = in_child do |events|
        struct = struct_type.new(events.raw)
        struct.pointer.use do
          struct[:x] = 42
          events << struct.free << struct[:x]
        end
        events << struct.freed? << (struct[:x] rescue $!.class)
      end
      expect(log).to eq [nil, 42, :released, true, FFI::NullPointerError]
    end

    it "a free of NULL does not wait: there is nothing to wait for" do
      log = in_child do |events|
        pointer = SafePointer.new(FFI::Pointer::NULL, ->(_) { events << :called })
        pointer.use { events << pointer.free << pointer.freed? }
      end
      expect(log).to eq [nil, true]
    end

    it "autorelease can be turned off, which is nothing to a free" do
      log = in_child do |events|
        pointer = events.pointer
        pointer.use do
          pointer.free
          pointer.autorelease = false
        end
        events << pointer.freed?
      end
      expect(log).to eq [:released, true]
    end

    it "the pointer can be detached" do
      log = in_child do |events|
        raw = events.raw
        pointer = Handle.new(raw)
        pointer.use do |used|
          events << pointer.detach.equal?(raw) << used.address.equal?(raw.address)
          events << (pointer.use { nil } rescue $!.class)
          events << pointer.free
        end
        full_gc
        events << [pointer.detached?, pointer.freed?, pointer.null?]
      end
      expect(log).to eq [true, true, SafePointer::ReleasedError, nil, [true, false, false]]
    end

    it "the pointer cannot be detached any more once a free waits" do
      log = in_child do |events|
        pointer = events.pointer
        pointer.use { pointer.free || events << (pointer.detach rescue $!.class) }
        events << pointer.detached?
      end
      expect(log).to eq [SafePointer::ReleasedError, :released, false]
    end

    %i[size parent].each do |name|
      it "#{name}= is refused once a free waits" do
        pointer = Handle.new(Oracle.create)
        pointer.use do
          pointer.free
          value = {size: 8, parent: Handle.new(Oracle.create)}.fetch(name)
          expect { pointer.public_send(:"#{name}=", value) }
            .to raise_error(SafePointer::ReleasedError, /\AHandle##{name}=: .* owns no pointer\z/)
        end
      end
    end
  end

  describe "and a free of the class's own" do
    # The ways to have one. Each logs what it was given.
    def self.own_frees
      {
        "from def" => lambda {
          Class.new(Handle) do
            def free(*arguments, **keywords, &block)
              Events.current << [:own_free, arguments, keywords, block&.call]
              super
              :mine
            end
          end
        },
        "from define_method" => lambda {
          Class.new(Handle) do
            define_method(:free) do |*arguments, **keywords, &block|
              Events.current << [:own_free, arguments, keywords, block&.call]
              super()
            end
          end
        },
        "from a mixin" => lambda {
          mixin = Module.new do
            def free(*arguments, **keywords, &block)
              Events.current << [:own_free, arguments, keywords, block&.call]
              super
            end
          end
          Class.new(Handle) { include mixin }
        },
        "that destroys by itself" => lambda {
          Class.new(Handle) do
            def free(*arguments, **keywords, &block)
              Events.current << [:own_free, arguments, keywords, block&.call]
              Oracle.free(self)
            end
          end
        }
      }
    end

    own_frees.each do |what, make|
      it "#{what}: carries it out once, with the arguments of the first call" do
        log = in_child do |events|
          pointer = make.call.new(events.raw)
          pointer.use do
            events << pointer.free(1, "two", key: 3) { :block }
            events << pointer.free(:second) << pointer.free
          end
          events << [pointer.free, pointer.freed?, pointer.null?]
        end
        expect(log).to eq [nil, nil, nil, [:own_free, [1, "two"], {key: 3}, :block], :released, [nil, true, true]]
      end

      it "#{what}: leaves nothing to do for GC and exit" do
        log = in_child do |events|
          type = make.call
          make_it = -> { type.new(events.raw(:dropped)).then { |pointer| pointer.use { pointer.free } } && nil }
          out_of_reach(&make_it)
          full_gc
          @alive_at_exit = type.new(events.raw(:kept))
          @alive_at_exit.use { @alive_at_exit.free }
        end
        expect(log.grep(Array).map(&:first)).to eq %i[own_free released own_free released]
      end
    end

    it "carries out one that a single pointer has" do
      log = in_child do |events|
        pointer = Handle.new(events.raw)
        pointer.define_singleton_method(:free) { |mode = nil| events << mode and super() }
        pointer.use { pointer.free(:gently) }
      end
      expect(log).to eq [:gently, :released]
    end

    it "carries out one under a name of frees_with" do
      log = in_child do |events|
        type = Class.new(Handle) do
          frees_with :close, :finalize!

          def close(mode) = Events.current << [:close, mode] && Oracle.free(self)
          def finalize! = Events.current << :finalize!
        end
        pointer = type.new(events.raw)
        pointer.use { events << [pointer.close(:now), pointer.finalize!, pointer.free] }
        events << [pointer.freed?, pointer.null?]
      end
      expect(log).to eq [[nil, nil, nil], [:close, :now], :released, [true, true]]
    end

    it "calls on with arguments that do not fit, and counts that as no release" do
      log = in_child do |events|
        type = Class.new(Handle) { def free(mode) = super() }
        pointer = type.new(events.raw)
        pointer.use { events << (pointer.free rescue $!.class) }
        events << pointer.freed? << pointer.free(:now) << pointer.freed?
      end
      expect(log).to eq [ArgumentError, false, :released, nil, true]
    end

    it "just yields in it, whether it had to wait or not" do
      [:itself.to_proc, ->(pointer) { pointer.use { pointer.free } }].each do |before|
        log = in_child do |events|
          type = Class.new(Handle) do
            def free
              use { |raw| Events.current << raw.read_int }
              use { use { |raw| Oracle.free(raw) } }
            end
          end
          pointer = type.new(events.raw)
          before.call(pointer)
          pointer.free
          events << pointer.freed? << (pointer.use { nil } rescue $!.class)
        end
        expect(log).to eq [0, :released, true, SafePointer::ReleasedError]
      end
    end
  end

  describe "and the error of a release that had to wait" do
    def refuse = ->(_) { raise IOError, "device busy" }

    it "leaves the block's value as it is, and is one warning" do
      child = fork_child do |events|
        pointer = Handle.new(raw = events.raw, refuse)
        events << raw.address
        events << pointer.use { pointer.free || :value }
        events << [pointer.free, pointer.freed?, pointer.null?]
      end
      address, *rest = child.events
      expect(rest).to eq [:value, [nil, true, true]]
      expect(child.stderr).to eq(
        format("safe_pointer: release of Handle address=0x%016x after its last lease raised IOError: device busy\n",
               address)
      )
      expect(child.exitstatus).to be 0
    end

    it "goes to on_release_error once, with :lease as its trigger" do
      log = in_child do |events|
        SafePointer.on_release_error { |error, info| events << [error.message, info[:class], info[:trigger]] }
        pointer = Handle.new(events.raw, refuse)
        pointer.use { 3.times { pointer.free } }
        full_gc
        events << pointer.freed?
      end
      expect(log).to eq [["device busy", Handle, :lease], true]
    end

    it "goes there from a free of the class's own, too" do
      log = in_child do |events|
        SafePointer.on_release_error { |error, info| events << [error.message, info[:trigger]] }
        type = Class.new(Handle) { def free(mode) = raise(IOError, "not #{mode}") }
        pointer = type.new(events.raw)
        events << pointer.use { pointer.free(:now) || :value }
        events << [pointer.free(:again), pointer.freed?]
      end
      expect(log).to eq [["not now", :lease], :value, [nil, true]]
    end

    it "leaves the block's error as it is" do
      log = in_child do |events|
        SafePointer.on_release_error { |error, _| events << error.message }
        pointer = Handle.new(events.raw, refuse)
        events << (pointer.use { pointer.free || raise(KeyError, "the block's") } rescue [$!.class, $!.message])
      end
      expect(log).to eq ["device busy", [KeyError, "the block's"]]
    end

    it "is no error where the release throws: that goes on its way" do
      log = in_child do |events|
        pointer = SafePointer.new(events.raw, ->(_) { throw :out, :thrown })
        events << catch(:out) { pointer.use { pointer.free } }
        events << [pointer.free, pointer.freed?, pointer.null?]
      end
      expect(log).to eq [:thrown, [nil, true, true]]
    end

    it "goes to the caller of a free that did not have to wait" do
      log = in_child do |events|
        pointer = Handle.new(events.raw, refuse)
        pointer.use { events << :used }
        events << (pointer.free rescue $!.message) << pointer.freed?
      end
      expect(log).to eq [:used, "device busy", true]
    end
  end
end
