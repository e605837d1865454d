# frozen_string_literal: true

RSpec.describe "a SafePointer on NULL" do
  it "is never released: by free, GC or exit" do
    log = in_child do |events|
      release = ->(_) { events << :release }
      out_of_reach { SafePointer.new(FFI::Pointer::NULL, release) }
      full_gc
      events << :collected
      @freed = SafePointer.new(FFI::Pointer::NULL, release)
      @freed.free
      @alive_at_exit = SafePointer.new(FFI::Pointer::NULL, release)
    end
    expect(log).to eq [:collected]
  end

  it "is never released by a pointer that is NULL without being FFI::Pointer::NULL" do
    log = in_child do |events|
      @alive_at_exit = SafePointer.new(FFI::Pointer.new(0), ->(_) { events << :release })
      SafePointer.new(FFI::Pointer.new(0), ->(_) { events << :release }).free
    end
    expect(log).to eq []
  end

  it "does not run a free of one's own" do
    log = in_child do |events|
      type = Class.new(Handle) { define_method(:free) { |*| events << :own_free } }
      pointer = type.new(FFI::Pointer::NULL)
      events << [pointer.free, pointer.free(:now), pointer.freed?]
    end
    expect(log).to eq [[nil, nil, true]]
  end

  it "does not run the class's release by hand" do
    log = in_child { |events| events << Handle.release(Handle.new(FFI::Pointer::NULL)) }
    expect(log).to eq [nil]
  end

  it "answers free with nil, and is freed afterwards" do
    pointer = Handle.new(FFI::Pointer::NULL)
    expect([pointer.freed?, pointer.free, pointer.freed?, pointer.free]).to eq [false, nil, true, nil]
  end

  it "is null, and reads through it raise" do
    pointer = Handle.new(FFI::Pointer::NULL)
    expect(pointer).to be_null
    expect { pointer.read_int }.to raise_error(FFI::NullPointerError)
  end

  it "can be made by a function that returns NULL" do
    library = Module.new do
      extend FFI::Library
      ffi_lib Oracle.build
      attach_function :echo, :oracle_address, [:pointer], Handle
    end
    pointer = library.echo(nil)
    expect([pointer.class, pointer.null?, pointer.free]).to eq [Handle, true, nil]
  end

  it "still needs a release" do
    expect { SafePointer.new(FFI::Pointer::NULL) }.to raise_error(RuntimeError, "no release method defined")
  end

  it "destroys no children: they are released by themselves" do
    log = in_child do |events|
      parent = Handle.new(FFI::Pointer::NULL)
      children = %i[first second].map { |name| Handle.new(events.raw(name), parent: parent, freed_by_parent: true) }
      parent.free
      events << children.map(&:freed?)
      children.first.free
    end
    expect(log).to eq [[false, false], %i[released first], %i[released second]]
  end

  it "has no size that counts" do
    pointer = Handle.new(FFI::Pointer::NULL, size: 1 << 20)
    expect { pointer.free }.not_to(change { SafePointer.stats[:bytes] })
    expect(SafePointer.stats[:bytes]).to be < 1 << 20
  end
end
