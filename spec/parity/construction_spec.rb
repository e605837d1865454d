# frozen_string_literal: true

require_relative "parity"

Parity.describe "the constructor" do
  callables = {
    "a Method" => ->(events) { events.method(:<<) },
    "a lambda" => ->(events) { ->(pointer) { events << pointer } },
    "a proc" => ->(events) { proc { |pointer, *rest| events << pointer << rest } },
    "a class with self.call" => lambda do |events|
      Class.new { define_singleton_method(:call) { |pointer| events << pointer } }
    end,
    "an object with call" => lambda do |events|
      Object.new.tap { |object| object.define_singleton_method(:call) { |pointer| events << pointer } }
    end,
    "an object that delegates call" => lambda do |events|
      require "delegate"
      SimpleDelegator.new(->(pointer) { events << pointer })
    end,
    "an object with method_missing" => lambda do |events|
      Class.new do
        define_method(:respond_to_missing?) { |name, _| name == :call }
        define_method(:method_missing) { |_, pointer| events << pointer }
      end.new
    end,
    "a curried method" => ->(events) { events.method(:<<).curry },
    "a composition" => ->(events) { ->(pointer) { pointer }.then { |identity| identity >> events.method(:<<) } }
  }

  callables.each do |what, make|
    it "takes #{what} as release" do
      log = log_of do |events, base|
        # Pointers cannot be written to the log: their addresses stand for them.
        log = Class.new do
          define_method(:<<) { |given| tap { events << (given.respond_to?(:address) ? given.address : given) } }
        end
        raw = events.raw
        events << raw.address
        base.new(raw, make.call(log.new)).free
      end
      expect(log[1..]).to eq(what == "a proc" ? [log.first, []] : [log.first])
    end
  end

  it "takes an FFI::Function of a library as release" do
    log = log_of do |events, base|
      destructor = FFI::Function.new(:void, [:pointer], Oracle.ffi_libraries.first.find_function("oracle_free"))
      base.new(events.raw, destructor).free
      events << :freed
    end
    expect(log).to eq [:released, :freed]
  end

  it "takes an FFI::Function made of a block as release" do
    log = log_of do |events, base|
      destructor = FFI::Function.new(:void, [:pointer]) { |pointer| Oracle.free(pointer) }
      base.new(events.raw, destructor).free
      events << :freed
    end
    expect(log).to eq [:released, :freed]
  end

  releases = {
    "the class method release" => ->(base) { Class.new(base) { def self.release(raw) = Oracle.free(raw) } },
    "an inherited release" => ->(base) { Class.new(Class.new(base) { def self.release(raw) = Oracle.free(raw) }) },
    "a release that the class is extended with" => lambda do |base|
      Class.new(base) { extend(Module.new { def release(raw) = Oracle.free(raw) }) }
    end,
    "a release that is an alias" => lambda do |base|
      Class.new(base) do
        class << self
          def destroy(raw) = Oracle.free(raw)
          alias_method :release, :destroy
        end
      end
    end,
    "a release that calls super" => lambda do |base|
      Class.new(Class.new(base) { def self.release(raw) = Oracle.free(raw) }) { def self.release(raw) = super }
    end,
    "a release with optional arguments" => lambda do |base|
      Class.new(base) { def self.release(raw, *_rest, force: false) = force || Oracle.free(raw) }
    end,
    "a release by method_missing" => lambda do |base|
      Class.new(base) do
        def self.respond_to_missing?(name, all) = name == :release || super
        def self.method_missing(name, *raw) = name == :release ? Oracle.free(*raw) : super
      end
    end
  }

  releases.each do |what, make|
    it "uses #{what} where no callable is given: for free, GC and exit" do
      log = log_of do |events, base|
        type = make.call(base)
        type.new(events.raw(:freed)).free
        out_of_reach { type.new(events.raw(:collected)) }
        full_gc
        events << :collected
        @kept = type.new(events.raw(:kept))
      end
      expect(log).to eq [[:released, :freed], [:released, :collected], :collected, [:released, :kept]]
    end
  end

  it "uses a private release", since: "1.17" do
    log = log_of do |events, base|
      type = handle(base) { private_class_method :release }
      type.new(events.raw(:freed)).free
      out_of_reach { type.new(events.raw(:collected)) }
      full_gc
      @kept = type.new(events.raw(:kept))
    end
    expect(log).to eq [[:released, :freed], [:released, :collected], [:released, :kept]]
  end

  it "prefers the callable to the class's release" do
    log = log_of do |events, base|
      type = Class.new(base) { def self.release(_) = raise("the callable was given") }
      type.new(events.raw, Oracle.method(:free)).free
      events << :freed
    end
    expect(log).to eq [:released, :freed]
  end

  [nil, false].each do |none|
    it "takes #{none.inspect} for no callable" do
      log = log_of do |events, base|
        handle(base).new(events.raw, none).free
        events << (error { base.new(events.raw, none) })
      end
      expect(log).to eq [:released, [RuntimeError, "no release method defined"]]
    end
  end

  it "does not call anything yet, and returns the object" do
    log = log_of do |events, base|
      pointer = base.new(events.raw, Oracle.method(:free))
      events << pointer.instance_of?(base)
      pointer.autorelease = false
    end
    expect(log).to eq [true]
  end

  it "works on an allocated object by a bound initialize, which returns it" do
    log = log_of do |events, base|
      pointer = handle(base).allocate
      events << base.instance_method(:initialize).bind_call(pointer, events.raw).equal?(pointer)
      pointer.free
    end
    expect(log).to eq [true, :released]
  end

  it "works on an allocated object by send, with a callable, at GC and exit too" do
    log = log_of do |events, base|
      make = ->(name) { base.allocate.tap { |pointer| pointer.send(:initialize, events.raw(name), Oracle.method(:free)) } }
      out_of_reach { make.call(:collected) }
      full_gc
      events << :collected
      @kept = make.call(:kept)
    end
    expect(log).to eq [[:released, :collected], :collected, [:released, :kept]]
  end
end
