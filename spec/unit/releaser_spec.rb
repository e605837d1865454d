# frozen_string_literal: true

# The Releaser of a SafePointer: what GC calls, without any GC.
RSpec.describe SafePointer::Releaser do
  def releaser_of(pointer)
    pointer.instance_variable_get(:@releaser)
  end

  triggers = {
    "free" => ->(releaser) { releaser.free },
    "call" => ->(releaser) { releaser.call },
    "call, as a finalizer" => ->(releaser) { releaser.call(8) }
  }

  it "is in @releaser, at any time" do
    pointer = Handle.new(Oracle.create)
    before = releaser_of(pointer)
    pointer.free
    expect([before, releaser_of(pointer)]).to all be_a SafePointer::Releaser
  end

  triggers.each do |first, one|
    it "shares the claim of its pointer: #{first}, then the pointer's free" do
      log = in_child do |events|
        pointer = Handle.new(events.raw)
        one.call(releaser_of(pointer))
        events << pointer.free << pointer.freed?
      end
      expect(log).to eq [:released, nil, true]
    end

    it "shares the claim of its pointer: the pointer's free, then #{first}" do
      log = in_child do |events|
        pointer = Handle.new(events.raw)
        releaser = releaser_of(pointer)
        pointer.free
        one.call(releaser)
        events << pointer.freed?
      end
      expect(log).to eq [:released, true]
    end

    it "leaves its pointer NULL by #{first}" do
      log = in_child do |events|
        pointer = Handle.new(events.raw)
        one.call(releaser_of(pointer))
        events << pointer.null?
      end
      expect(log).to eq [:released, true]
    end

    triggers.each do |second, other|
      it "releases once by #{first}, then #{second}" do
        log = in_child do |events|
          releaser = releaser_of(events.pointer)
          one.call(releaser)
          events << :first
          other.call(releaser)
        end
        expect(log).to eq [:released, :first]
      end
    end
  end

  triggers.merge("release" => ->(releaser) { releaser.release(FFI::Pointer.new(64)) }).each do |how, ask|
    it "calls the destructor in a free of the class's own, which is over later: #{how}" do
      log = in_child do |events|
        type = Class.new(Handle) do
          def self.release(_) = Events.current << :called

          define_method(:free) do
            ask.call(@releaser)
            events << freed?
          end
        end
        pointer = type.new(FFI::Pointer.new(64))
        pointer.free
        events << pointer.freed?
      end
      expect(log).to eq [:called, false, true]
    end
  end

  %i[@ptr @proc].each do |name|
    it "leaves its pointer alone at GC and exit when #{name} is nil" do
      log = in_child do |events|
        pointer = Handle.new(events.raw)
        releaser_of(pointer).instance_variable_set(name, nil)
        releaser_of(pointer).call(8)
        events << pointer.freed?
        @alive_at_exit = pointer
      end
      expect(log).to eq [false]
    end
  end

  it "does not release NULL" do
    log = in_child do |events|
      releaser = releaser_of(SafePointer.new(FFI::Pointer::NULL, ->(_) { events << :release }))
      releaser.free
      releaser.call
    end
    expect(log).to eq []
  end

  it "hands on the exception at free, and has released" do
    log = in_child do |events|
      pointer = SafePointer.new(events.raw, lambda { |_|
        events << :entered
        raise "busy"
      })
      releaser = releaser_of(pointer)
      events << (releaser.free rescue $!.message)
      events << releaser.free << releaser.call << pointer.freed?
    end
    expect(log).to eq [:entered, "busy", nil, nil, true]
  end

  it "does not release by call with autorelease off, and by free all the same" do
    log = in_child do |events|
      pointer = events.pointer
      pointer.autorelease = false
      releaser_of(pointer).call
      events << :called
      releaser_of(pointer).free
    end
    expect(log).to eq [:called, :released]
  end

  it "cannot be copied" do
    releaser = releaser_of(Handle.new(Oracle.create))
    expect { releaser.dup }.to raise_error(StandardError)
    expect { releaser.clone }.to raise_error(StandardError)
    expect { Marshal.dump(releaser) }.to raise_error(TypeError)
  end

  it "asks what is no name of a variable for none" do
    name = Object.new
    def name.to_s = throw(:out)
    releaser = SafePointer::Releaser.new(FFI::Pointer.new(64), ->(_) {})
    expect { releaser.instance_variable_get(name) }.to raise_error(TypeError, /is not a symbol nor a string/)
    expect { releaser.instance_variable_set(name, 1) }.to raise_error(TypeError, /is not a symbol nor a string/)
  end
end
