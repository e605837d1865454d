# frozen_string_literal: true

require_relative "parity"

Parity.describe "autorelease" do
  it "is on at first, and off after free" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      events << pointer.autorelease?
      pointer.free
      events << pointer.autorelease?
    end
    expect(log).to eq [true, :released, false]
  end

  it "keeps GC and exit from releasing while it is off" do
    log = log_of do |events, base|
      out_of_reach { handle(base).new(events.raw).autorelease = false }
      full_gc
      @kept = handle(base).new(events.raw)
      @kept.autorelease = false
      events << @kept.autorelease?
    end
    expect(log).to eq [false]
  end

  it "can be turned off with nil" do
    log = log_of do |events, base|
      @kept = handle(base).new(events.raw)
      @kept.autorelease = nil
    end
    expect(log).to eq []
  end

  it "can be turned on again" do
    log = log_of do |events, base|
      @kept = handle(base).new(events.raw)
      @kept.autorelease = false
      @kept.autorelease = true
      events << @kept.autorelease?
    end
    expect(log).to eq [true, :released]
  end

  it "leaves the address and a later free alone while it is off" do
    log = log_of do |events, base|
      raw = events.raw
      pointer = handle(base).new(raw)
      pointer.autorelease = false
      pointer.write_int(42)
      events << [pointer.address == raw.address, pointer.read_int]
      2.times { pointer.free }
      events << :freed
    end
    expect(log).to eq [[true, 42], :released, :freed]
  end

  it "can be turned on after free, to no effect" do
    log = log_of do |events, base|
      @kept = handle(base).new(events.raw)
      @kept.free
      @kept.autorelease = true
      events << @kept.autorelease? << @kept.free
    end
    expect(log).to eq [:released, true, nil]
  end

  it "is set to what the caller gets back" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      events << [pointer.send(:autorelease=, false), pointer.send(:autorelease=, true), (pointer.autorelease = false)]
    end
    expect(log).to eq [[false, true, false]]
  end

  it "cannot be changed on a frozen pointer", since: "1.17" do
    log = log_of do |events, base|
      pointer = base.new(events.raw, Oracle.method(:free)).freeze
      events << (error { pointer.autorelease = false }) << pointer.autorelease?
    end
    name = candidate.title[/[\w:]+/]
    expect(log).to eq [[FrozenError, "can't modify frozen #{name}"], true, :released]
  end

  it "names the subclass where a frozen pointer refuses it", since: "1.17" do
    log = log_of do |events, base|
      type = handle(base) { def self.to_s = "MyHandle" }
      @kept = type.new(events.raw).freeze
      events << (error { @kept.autorelease = false })
    end
    expect(log).to eq [[FrozenError, "can't modify frozen MyHandle"], :released]
  end

  it "can be set by a subclass in its initialize" do
    log = log_of do |events, base|
      type = handle(base) do
        def initialize(raw, owned)
          super(raw)
          self.autorelease = owned
        end
      end
      @kept = [type.new(events.raw(:borrowed), false), type.new(events.raw(:owned), true)]
    end
    expect(log).to eq [[:released, :owned]]
  end

  it "can be overridden by a subclass" do
    log = log_of do |events, base|
      type = handle(base) do
        define_method(:autorelease=) { |on| events << [:set, on] and super(on) }
      end
      @kept = type.new(events.raw)
      @kept.autorelease = false
    end
    expect(log).to eq [[:set, false]]
  end
end
