# frozen_string_literal: true

# Calling the class method directly, as in `Handle.release(handle)`.
RSpec.describe "the release of a class, called by hand" do
  ways = {
    "defined with def self." => -> { Class.new(SafePointer) { def self.release(raw) = Oracle.free(raw) } },
    "defined in class << self" => lambda {
      Class.new(SafePointer) do
        class << self
          def release(raw) = Oracle.free(raw)
        end
      end
    },
    "defined with define_singleton_method" => lambda {
      Class.new(SafePointer) { define_singleton_method(:release) { |raw| Oracle.free(raw) } }
    },
    "defined as an alias" => lambda {
      Class.new(SafePointer) do
        def self.destroy(raw) = Oracle.free(raw)
        singleton_class.alias_method :release, :destroy
      end
    },
    "from a mixin the class is extended with" => lambda {
      mixin = Module.new { def release(raw) = Oracle.free(raw) }
      Class.new(SafePointer) { extend mixin }
    },
    "attached as a C function" => lambda {
      Class.new(SafePointer) do
        extend FFI::Library
        ffi_lib Oracle.build
        attach_function :release, :oracle_free, [:pointer], :void
      end
    },
    "inherited" => -> { Class.new(Handle) },
    "calling super" => -> { Class.new(Handle) { def self.release(raw) = super } }
  }

  ways.each do |way, make|
    describe way do
      it "is claimed like free" do
        log = in_child do |events|
          type = make.call
          out_of_reach { type.release(type.new(events.raw)) }
          full_gc
          events << :collected

          pointer = type.new(events.raw)
          type.release(pointer)
          events << [pointer.freed?, pointer.null?]
          events << [type.release(pointer), pointer.free]
        end
        expect(log).to eq [:released, :collected, :released, [true, true], [nil, nil]]
      end

      it "does nothing after free" do
        log = in_child do |events|
          type = make.call
          pointer = type.new(events.raw)
          pointer.free
          events << type.release(pointer)
        end
        expect(log).to eq [:released, nil]
      end

      it "is left alone at GC and exit" do
        log = in_child do |events|
          type = make.call
          out_of_reach { type.new(events.raw) }
          full_gc
          events << :collected
          @alive_at_exit = type.new(events.raw)
        end
        expect(log).to eq [:released, :collected, :released]
      end
    end
  end

  it "is the plain destructor for pointers that are no SafePointers" do
    log = in_child do |events|
      Handle.release(events.raw)
      Handle.release(FFI::Pointer.new(events.raw.address))
    end
    expect(log).to eq [:released, :released]
  end

  it "is claimed for an instance of a subclass, too" do
    log = in_child do |events|
      pointer = Class.new(Handle).new(events.raw)
      Handle.release(pointer)
      events << [Handle.release(pointer), pointer.free, pointer.freed?]
    end
    expect(log).to eq [:released, [nil, nil, true]]
  end

  it "is called once in a free of the class's own, that of its superclass included" do
    log = in_child do |events|
      base = Class.new(Handle) { def self.release(raw) = Oracle.free(raw) }
      type = Class.new(base) do
        def self.release(raw) = Oracle.free(raw)

        define_method(:free) do
          [self.class, base].each { |klass| klass.release(self) }
          events << freed?
        end
      end
      pointer = type.new(events.raw)
      pointer.free
      events << pointer.freed?
    end
    expect(log).to eq [:released, false, true]
  end

  it "hands on the exception, and counts as freed" do
    log = in_child do |events|
      type = Class.new(SafePointer) do
        define_singleton_method(:release) do |_|
          events << :entered
          raise IOError, "busy"
        end
      end
      pointer = type.new(events.raw)
      events << (type.release(pointer) rescue $!.message)
      events << [type.release(pointer), pointer.free, pointer.freed?]
    end
    expect(log).to eq [:entered, "busy", [nil, nil, true]]
  end

  it "is the class's own affair where it takes no pointer" do
    type = Class.new(SafePointer) { def self.release = "1.2.3" }
    expect(type.release).to eq "1.2.3"
  end

  it "does nothing inside the release of the same pointer" do
    log = in_child do |events|
      pointer = nil
      type = Class.new(SafePointer) do
        define_singleton_method(:release) do |raw|
          events << [:inner, release(pointer)]
          Oracle.free(raw)
        end
      end
      pointer = type.new(events.raw)
      pointer.free
    end
    expect(log).to eq [[:inner, nil], :released]
  end
end
