# frozen_string_literal: true

require_relative "parity"

Parity.describe "the release" do
  it "happens at free, once, and nothing is left for GC and exit" do
    log = log_of do |events, base|
      out_of_reach { handle(base).new(events.raw(:dropped)).free }
      full_gc
      events << :collected
      @kept = handle(base).new(events.raw(:kept))
      3.times { @kept.free }
      events << :freed
    end
    expect(log).to eq [[:released, :dropped], :collected, [:released, :kept], :freed]
  end

  it "happens at GC, once" do
    log = log_of do |events, base|
      out_of_reach { base.new(events.raw, Oracle.method(:free)) }
      2.times { full_gc }
      events << :collected
    end
    expect(log).to eq [:released, :collected]
  end

  it "happens at exit, once" do
    log = log_of do |events, base|
      @kept = base.new(events.raw, Oracle.method(:free))
      full_gc
      events << :kept
    end
    expect(log).to eq [:kept, :released]
  end

  it "makes free return nil, whatever the callable returns" do
    log = log_of do |events, base|
      pointer = base.new(events.raw, ->(_) { :value })
      events << Array.new(3) { pointer.free }
    end
    expect(log).to eq [[nil, nil, nil]]
  end

  it "is not made by a free with arguments" do
    log = log_of do |events, base|
      pointer = base.new(events.raw, Oracle.method(:free))
      events << (error { pointer.free(:now) })
      pointer.free
    end
    expect(log).to eq [[ArgumentError, "wrong number of arguments (given 1, expected 0)"], :released]
  end

  it "passes its error on to the caller of free" do
    log = log_of do |events, base|
      pointer = base.new(events.raw, ->(_) { raise IOError, "busy" })
      events << (error { pointer.free })
      pointer.autorelease = false
    end
    expect(log).to eq [[IOError, "busy"]]
  end

  it "lets the callable throw through free" do
    log = log_of do |events, base|
      pointer = base.new(events.raw, ->(_) { throw :done, :thrown })
      events << catch(:done) { pointer.free }
      pointer.autorelease = false
    end
    expect(log).to eq [:thrown]
  end

  it "gets the very object that was wrapped, subclass and state included" do
    log = log_of do |events, base|
      tagged = Class.new(FFI::Pointer) { attr_accessor :tag }
      wrap = lambda do |tag|
        raw = tagged.new(events.raw).tap { |pointer| pointer.tag = tag }
        base.new(raw, ->(given) { events << [given.tag, given.instance_of?(tagged)] })
      end
      wrap.call(:freed).free
      # Not wrap.call: a closure that outlives the block could keep what it made.
      out_of_reach { base.new(tagged.new(4096).tap { |raw| raw.tag = :collected }, ->(given) { events << given.tag }) }
      full_gc
      @kept = wrap.call(:kept)
    end
    expect(log).to eq [[:freed, true], :collected, [:kept, true]]
  end

  it "is given the object itself by the class's release too" do
    log = log_of do |events, base|
      raw = events.raw
      type = Class.new(base) { define_singleton_method(:release) { |given| events << given.equal?(raw) } }
      type.new(raw).free
    end
    expect(log).to eq [true]
  end

  it "is given the class as self by the class's release" do
    log = log_of do |events, base|
      parent = Class.new(base) { define_singleton_method(:release) { |_| events << name_of_handle } }
      type = Class.new(parent) { def self.name_of_handle = :subclass }
      type.new(events.raw).free
    end
    expect(log).to eq [:subclass]
  end

  it "finds the memory alive that the wrapped pointer is a part of" do
    log = log_of do |events, base|
      read = ->(part) { events << part.read_int }
      out_of_reach do
        memory = FFI::MemoryPointer.new(:int, 2).write_array_of_int([1, 42])
        base.new(memory.slice(4, 4), read)
      end
      full_gc
      events << :collected
    end
    expect(log).to eq [42, :collected]
  end

  it "belongs to each of several owners of one address" do
    log = log_of do |events, base|
      raw = events.raw
      2.times { Oracle.reference(raw) }
      owners = Array.new(3) { handle(base).new(raw) }
      2.times { owners.first.free }
      events << :first
      owners[1].free
      events << owners[2].address.positive?
    end
    expect(log).to eq [:released, :first, :released, true, :released]
  end

  it "belongs to each of several owners at GC, and spares the living" do
    log = log_of do |events, base|
      raw = @raw = events.raw
      Oracle.reference(raw)
      @kept = handle(base).new(raw)
      out_of_reach { handle(base).new(@raw) }
      full_gc
      events << :collected
    end
    expect(log).to eq [:released, :collected, :released]
  end

  it "may free other pointers" do
    log = log_of do |events, base|
      inner = base.new(events.raw(:inner), Oracle.method(:free))
      outer = base.new(events.raw(:outer), ->(raw) { inner.free || Oracle.free(raw) })
      outer.free
      events << :freed
    end
    expect(log).to eq [[:released, :inner], [:released, :outer], :freed]
  end

  it "may make other pointers" do
    log = log_of do |events, base|
      outer = base.new(events.raw(:outer), lambda { |raw|
        Oracle.free(raw)
        @inner = base.new(events.raw(:inner), Oracle.method(:free))
      })
      outer.free
      events << :freed
    end
    expect(log).to eq [[:released, :outer], :freed, [:released, :inner]]
  end

  it "keeps other finalizers of the object" do
    log = log_of do |events, base|
      finalizer = ->(_) { events << :other }
      out_of_reach do
        pointer = handle(base).new(events.raw)
        ObjectSpace.define_finalizer(pointer, finalizer)
        pointer.free
      end
      full_gc
      events << :collected
    end
    expect(log).to eq [:released, :other, :collected]
  end

  it "does not happen at GC or exit once the finalizer has been taken off by hand" do
    log = log_of do |events, base|
      pointers = Array.new(2) { |index| handle(base).new(events.raw(:"number#{index}")) }
      pointers.each { |pointer| ObjectSpace.undefine_finalizer(pointer) }
      pointers.first.free
      @kept = pointers
    end
    expect(log).to eq [[:released, :number0]]
  end
end
