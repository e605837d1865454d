# frozen_string_literal: true

require "timeout"

# What a lease yields, and when it ends. What a free does meanwhile: lease_free_spec.rb, lease_own_free_spec.rb and
# lease_errors_spec.rb. Whose it is: spec/integration/lease_owner_spec.rb.
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
  # What is done with a pointer, and the log of it.
  {
    "may be nested: the outermost end releases" => [
      lambda { |events, pointer|
        pointer.use do
          pointer.use do
            pointer.use { pointer.free }
            events << :inner_over
            pointer.use { events << :one_more }
          end
          events << :middle_over
        end
        events << :outer_over
      },
      [:inner_over, :one_more, :middle_over, [:released, :held], :outer_over]
    ],
    "holds one pointer and no other" => [
      lambda { |events, pointer|
        pointer.use do
          events.pointer(:other).free
          pointer.free
        end
      },
      [[:released, :other], [:released, :held]]
    ],
    "does not change what the pointer is while it lasts" => [
      lambda { |events, pointer|
        look = -> { [pointer.address, pointer.inspect, pointer.autorelease?] }
        before = look.call
        pointer.use do
          pointer.free
          events << (look.call == before)
          pointer.write_int(42)
          events << (Oracle.address(pointer) == pointer.address)
        end
      },
      [true, true, [:released, :held]]
    ]
  }.each do |what, (steps, expected)|
    it what do
      log = in_child { |events| steps.call(events, events.pointer(:held)) }
      expect(log).to eq expected
    end
  end
end
