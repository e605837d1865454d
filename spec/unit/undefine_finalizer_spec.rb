# frozen_string_literal: true

require_relative "../support/native_handle"

# Programs that disown an FFI::AutoPointer in this way must go on working, with pointers that have no finalizer.
RSpec.describe ObjectSpace, ".undefine_finalizer" do
  pointers = {
    "a pointer with a callable" => ->(raw) { SafePointer.new(raw, Oracle.method(:free)) },
    "a pointer of a class with release" => ->(raw) { Handle.new(raw) },
    "a pointer of a native class" => ->(raw) { NativeHandle.new(raw) }
  }

  pointers.each do |what, make|
    it "keeps GC and exit from releasing #{what}, and free from nothing" do
      log = in_child do |events|
        out_of_reach { ObjectSpace.undefine_finalizer(make.call(events.raw(:dropped))) }
        full_gc
        @kept = make.call(events.raw(:kept))
        freed = make.call(events.raw(:freed))
        [@kept, freed].each { |pointer| ObjectSpace.undefine_finalizer(pointer) }
        freed.free
      end
      expect(log).to eq [%i[released freed]]
    end

    it "returns #{what}, as it does any object" do
      pointer = make.call(Oracle.create)
      expect(ObjectSpace.undefine_finalizer(pointer)).to be pointer
      pointer.free
    end

    it "takes off the finalizers that the program has defined on #{what}" do
      log = in_child do |events|
        @kept = make.call(events.raw)
        ObjectSpace.define_finalizer(@kept, ->(_) { events << :finalizer })
        ObjectSpace.undefine_finalizer(@kept)
      end
      expect(log).to eq []
    end

    it "raises where #{what} is frozen, and leaves it to GC and exit" do
      log = in_child do |events|
        @kept = make.call(events.raw).freeze
        ObjectSpace.undefine_finalizer(@kept)
      rescue FrozenError
        events << :refused
      end
      expect(log).to eq %i[refused released]
    end
  end

  it "lets the parent of a disowned pointer go at exit", :room do
    log = in_child do |events|
      parent = Handle.new(events.raw(:parent))
      @child = Handle.new(events.raw(:child), parent: parent)
      ObjectSpace.undefine_finalizer(@child)
    end
    expect(log).to eq [%i[released parent]]
  end

  it "leaves other objects alone" do
    object = Object.new
    raw = FFI::Pointer.new(1)
    expect([ObjectSpace.undefine_finalizer(object), ObjectSpace.undefine_finalizer(raw)]).to eq [object, raw]
  end
end

RSpec.describe SafePointer, "and finalizers that the program defines on it" do
  it "calls each once, whoever releases the pointer" do
    log = in_child do |events|
      freed, @kept = %i[freed kept].map do |name|
        Handle.new(events.raw(name)).tap do |pointer|
          ObjectSpace.define_finalizer(pointer, ->(_) { events << name })
        end
      end
      freed.free
    end
    expect(log).to contain_exactly(%i[released freed], :freed, :kept, %i[released kept])
  end
end
