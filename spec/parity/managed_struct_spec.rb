# frozen_string_literal: true

require_relative "parity"

Parity.describe "a managed struct" do
  def managed(&body)
    Class.new(candidate.managed_struct) do
      layout :x, :int, :y, :int
      def self.release(raw) = Oracle.free(raw)
      class_eval(&body) if body
    end
  end

  def without_release
    Class.new(candidate.managed_struct) { layout :x, :int }
  end

  it "is released at GC and at exit, once" do
    log = log_of do |events, _|
      type = managed
      out_of_reach { type.new(events.raw(:dropped)) }
      full_gc
      events << :collected
      @kept = type.new(events.raw(:kept))
    end
    expect(log).to eq [[:released, :dropped], :collected, [:released, :kept]]
  end

  it "is an FFI::Struct on the memory it was given" do
    log = log_of do |events, base|
      raw = events.raw
      struct = managed.new(raw)
      struct[:x] = 1
      struct[:y] = 2
      events << raw.read_array_of_int(2) << [struct[:x], struct[:y]] << struct.is_a?(FFI::Struct)
      events << [struct.size, struct.members, struct.values, struct.null?, struct.to_ptr == raw]
      events << struct.pointer.instance_of?(base) << struct.pointer.equal?(struct.to_ptr)
    end
    expect(log).to eq [[1, 2], [1, 2], true, [8, %i[x y], [1, 2], false, true], true, true, :released]
  end

  it "hands the very object that was given to the class's release, and the class is self" do
    log = log_of do |events, _|
      raw = events.raw
      type = managed
      type.define_singleton_method(:release) { |given| events << [given.equal?(raw), equal?(type)] }
      type.new(raw).pointer.free
    end
    expect(log).to eq [[true, true]]
  end

  it "is released by its pointer's free, once" do
    log = log_of do |events, _|
      struct = managed.new(events.raw)
      events << struct.pointer.free << struct.pointer.free
    end
    expect(log).to eq [:released, nil, nil]
  end

  it "heeds its pointer's autorelease" do
    log = log_of do |events, _|
      @kept = managed.new(events.raw)
      @kept.pointer.autorelease = false
      events << @kept.pointer.autorelease?
    end
    expect(log).to eq [false]
  end

  it "may have a private release" do
    skip "ffi #{FFI::VERSION} is not right here yet" if candidate.managed_struct_of_ffi? && Parity.older_than?("1.17")
    log = log_of do |events, _|
      @kept = managed { private_class_method :release }.new(events.raw)
      events << :made
    end
    expect(log).to eq [:made, :released]
  end

  it "may inherit its release" do
    log = log_of do |events, _|
      @kept = Class.new(managed) { layout :x, :int }.new(events.raw)
      events << :made
    end
    expect(log).to eq [:made, :released]
  end

  it "may have an initialize of its own" do
    log = log_of do |events, _|
      type = managed do
        def initialize(x)
          super(Oracle.create)
          self[:x] = x
        end
      end
      @kept = type.new(42)
      events << @kept[:x]
    end
    expect(log).to eq [42, :released]
  end

  it "needs a release" do
    log = log_of do |events, _|
      events << (error { without_release.new(events.raw) })
      events << (error { candidate.managed_struct.new(events.raw) })
    end
    expect(log).to eq [NoMethodError, NoMethodError]
  end

  it "says that it needs a release" do
    log = log_of do |events, _|
      without_release.new(events.raw)
    rescue NoMethodError => e
      events << e.message[/\A[^#]*/]
    end
    expect(log).to eq ["release() not implemented for class "]
  end

  it "needs a pointer" do
    log = log_of do |events, _|
      events << (error { managed.new }) << (error { managed.new(nil) }) << (error { without_release.new })
    end
    expect(log).to eq [[ArgumentError, "Must supply a pointer to memory for the Struct"]] * 2 + [NoMethodError]
  end

  it "refuses memory that is owned already" do
    log = log_of do |events, _|
      events << (error { managed.new(FFI::MemoryPointer.new(8)) })
      owned = managed.new(events.raw)
      events << (error { managed.new(owned.pointer) })
      owned.pointer.free
    end
    expect(log).to eq [[TypeError, "Invalid pointer"], [TypeError, "Invalid pointer"], :released]
  end

  it "is what a function returns by reference, and takes" do
    log = log_of do |events, _|
      type = managed
      functions = Module.new do
        extend FFI::Library
        ffi_lib Oracle.build
        attach_function :create, :oracle_new, [:size_t, :string], type.by_ref
        attach_function :create_ptr, :oracle_new, [:size_t, :string], type.ptr
        attach_function :address, :oracle_address, [type.by_ref], :size_t
      end
      @kept = functions.create(16, "by_ref")
      events << @kept.instance_of?(type) << (functions.address(@kept) == @kept.to_ptr.address)
      functions.create_ptr(16, "ptr").pointer.free
      out_of_reach { functions.create(16, "dropped") }
      full_gc
    end
    expect(log).to eq [true, true, [:released, :ptr], [:released, :dropped], [:released, :by_ref]]
  end

  it "may be a field by pointer: what is read owns, too" do
    log = log_of do |events, _|
      type = managed
      holder = Class.new(FFI::Struct) { layout :inner, type.ptr }.new
      @kept = type.new(events.raw)
      @kept[:x] = 42
      Oracle.reference(@kept.pointer)
      holder[:inner] = @kept
      inner = holder[:inner]
      events << inner.instance_of?(type) << inner[:x]
      inner.pointer.free
      events << :inner
    end
    expect(log).to eq [true, 42, :released, :inner, :released]
  end

  it "has copies of its own memory by dup, and the copies own nothing of it" do
    log = log_of do |events, _|
      @kept = managed.new(events.raw)
      @kept[:x] = 42
      out_of_reach do
        copy = @kept.dup
        copy[:x] += 1
        events << [@kept[:x], copy[:x], copy.to_ptr == @kept.to_ptr]
      end
      full_gc
      events << :collected
    end
    expect(log).to eq [[42, 43, false], :collected, :released]
  end

  it "is kept alive by nothing but references to it and its pointer" do
    log = log_of do |events, _|
      out_of_reach do
        @pointer = managed.new(events.raw).pointer
        nil
      end
      full_gc
      events << @pointer.read_int
      out_of_reach { @pointer = nil }
      full_gc
      events << :collected
    end
    expect(log).to eq [0, :released, :collected]
  end
end
