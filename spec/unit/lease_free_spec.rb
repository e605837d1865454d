# frozen_string_literal: true

# What waits for the end of a lease, and what does not.
RSpec.describe SafePointer, "#use, while it lasts" do
  # Who asks for the release. All of them lead to one release, and to NULL.
  {
    "free" => ->(pointer, _) { pointer.free },
    "the class's release, called by hand" => ->(pointer, _) { pointer.class.release(pointer) },
    "the releaser's free" => ->(pointer, _) { pointer.instance_variable_get(:@releaser).free },
    "the releaser's release" => ->(pointer, raw) { pointer.instance_variable_get(:@releaser).release(raw) },
    "the releaser's call" => ->(pointer, _) { pointer.instance_variable_get(:@releaser).call },
    "the releaser's call, as a finalizer," => ->(pointer, _) { pointer.instance_variable_get(:@releaser).call(8) }
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

  # What is done with a pointer, and the log of it.
  {
    "the releases by all of them are one" => [
      lambda { |events, pointer|
        releaser = pointer.instance_variable_get(:@releaser)
        asks = [-> { pointer.free }, -> { Handle.release(pointer) }, -> { releaser.free }, -> { releaser.call }]
        pointer.use { asks.each(&:call) }
        events << [pointer.freed?, pointer.null?]
      },
      [:released, [true, true]]
    ],
    "autorelease can be turned off, which is nothing to a free" => [
      lambda { |events, pointer|
        pointer.use do
          pointer.free
          pointer.autorelease = false
        end
        events << pointer.freed?
      },
      [:released, true]
    ],
    "the pointer cannot be detached any more once a free waits" => [
      lambda { |events, pointer|
        pointer.use { pointer.free || events << (pointer.detach rescue $!.class) }
        events << pointer.detached?
      },
      [SafePointer::ReleasedError, :released, false]
    ]
  }.each do |what, (steps, expected)|
    it what do
      log = in_child { |events| steps.call(events, Handle.new(events.raw)) }
      expect(log).to eq expected
    end
  end

  it "the pointer can be detached" do
    log = in_child do |events|
      raw = events.raw
      pointer = Handle.new(raw)
      pointer.use do |used|
        events << pointer.detach.equal?(raw) << (used.address == raw.address)
        events << (pointer.use { nil } rescue $!.class)
        events << pointer.free
      end
      full_gc
      events << [pointer.detached?, pointer.freed?, pointer.null?]
    end
    expect(log).to eq [true, true, SafePointer::ReleasedError, nil, [true, false, false]]
  end

  it "the free of a ManagedStruct waits, and its fields can be read" do
    type = Class.new(SafePointer::ManagedStruct) do
      layout :x, :int
      def self.release(raw) = Oracle.free(raw)
    end
    log = in_child do |events|
      struct = type.new(events.raw)
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

  {size: -> { 8 }, parent: -> { Handle.new(Oracle.create) }}.each do |name, value|
    it "#{name}= is refused once a free waits" do
      pointer = Handle.new(Oracle.create)
      pointer.use do
        pointer.free
        expect { pointer.public_send(:"#{name}=", value.call) }
          .to raise_error(SafePointer::ReleasedError, /\AHandle##{name}=: .* owns no pointer\z/)
      end
    end
  end
end
