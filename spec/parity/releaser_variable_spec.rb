# frozen_string_literal: true

require_relative "parity"
require "forwardable"

# Code that reads @releaser in methods of its own.
Parity.describe "the instance variable @releaser" do
  in_the_class = {
    "a method" => "def close = @releaser.free",
    "a method with a block" => "def close = [nil].map { @releaser.free }.first",
    "a method with safe navigation" => "def close = @releaser&.free",
    "a method that looks whether it is there" => "def close = defined?(@releaser) && @releaser.free",
    "a method that calls instance_variable_defined?" =>
      "def close = instance_variable_defined?(:@releaser) && @releaser.free",
    "a method that finds it by name" => "def close = instance_variable_get(\"@releaser\").free",
    "a method that finds it in instance_variables" =>
      "def close = instance_variable_get(instance_variables.find { |name| name.end_with?(\"releaser\") }).free",
    "a method that evaluates a String" => "def close = instance_eval(\"@releaser.free\", __FILE__, __LINE__)",
    "define_method" => "define_method(:close) { @releaser.free }",
    "an attr_reader" => "attr_reader :releaser\ndef close = releaser.free",
    "a private attr_accessor" => "private attr_accessor :releaser\ndef close = releaser.free",
    "a delegator" => "extend Forwardable\ndef_delegator :@releaser, :free, :close",
    "method_missing" =>
      "def respond_to_missing?(name, all) = name == :close || super\n" \
      "def method_missing(name, *) = name == :close ? @releaser.free : super",
    "an alias" => "def shut = @releaser.free\nalias close shut",
    "a private method" => "def close = shut\nprivate def shut = @releaser.free",
    "an included module" => "include(Module.new { def close = @releaser.free })",
    "a prepended module" => "prepend(Module.new { def close = @releaser.free })",
    "initialize, which keeps it" =>
      "def initialize(*)\nsuper\n@own = @releaser\nend\ndef close = @own.free"
  }

  in_the_class.each do |what, code|
    it "is read by #{what}" do
      log = log_of do |events, base|
        type = handle(base) { class_eval(code, __FILE__, __LINE__) }
        out_of_reach { type.new(events.raw(:dropped)).close }
        full_gc
        events << :collected
        @kept = [type.new(events.raw(:closed)), type.new(events.raw(:left))]
        events << @kept.first.close << @kept.first.free << @kept.first.autorelease?
      end
      expect(log).to eq [
        [:released, :dropped], :collected, [:released, :closed], nil, nil, false, [:released, :left]
      ]
    end
  end

  it "is read by a method of a superclass" do
    log = log_of do |events, base|
      type = Class.new(handle(base) { def close = @releaser.free })
      @kept = [type.new(events.raw(:closed)), type.new(events.raw(:left))]
      @kept.first.close
      events << :closed
    end
    expect(log).to eq [[:released, :closed], :closed, [:released, :left]]
  end

  # Each gets the class and a pointer that exists already, and makes it answer close.
  late = {
    "a method the class gets later" => ->(type, _) { type.class_eval { def close = @releaser.free } },
    "an attr_reader the class gets later" => lambda do |type, _|
      type.class_eval { attr_reader :releaser }
      type.class_eval { def close = releaser.free }
    end,
    "a module the class includes later" => ->(type, _) { type.include(Module.new { def close = @releaser.free }) },
    "a singleton method" => ->(_, pointer) { def pointer.close = @releaser.free },
    "a module the pointer is extended with" => ->(_, pointer) { pointer.extend(Module.new { def close = @releaser.free }) },
    "instance_eval in a singleton method" => lambda do |_, pointer|
      pointer.define_singleton_method(:close) { FFI::Pointer.instance_method(:instance_eval).bind_call(self) { @releaser.free } }
    end,
    "code that sees it from outside" => lambda do |_, pointer|
      pointer.define_singleton_method(:close) { instance_variable_get(:@releaser).free }
    end
  }

  late.each do |what, give|
    it "is read by #{what}" do
      log = log_of do |events, base|
        type = handle(base)
        @kept = [type.new(events.raw(:closed)), type.new(events.raw(:left))]
        give.call(type, @kept.first)
        events << @kept.first.close << @kept.first.free
      end
      expect(log).to eq [[:released, :closed], nil, nil, [:released, :left]]
    end
  end

  %i[instance_eval instance_exec].each do |name|
    it "is read by a block that #{name} is given" do
      log = log_of do |events, base|
        pointer = handle(base).new(events.raw)
        events << pointer.public_send(name) { @releaser.free } << pointer.free
      end
      expect(log).to eq [:released, nil, nil]
    end
  end

  it "is there from the start" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      events << pointer.instance_variable_defined?(:@releaser) << pointer.instance_variables.include?(:@releaser)
      pointer.free
    end
    expect(log).to eq [true, true, :released]
  end

  it "holds what answers free, call, release, autorelease and autorelease=" do
    log = log_of do |events, base|
      @kept = handle(base).new(events.raw)
      releaser = @kept.instance_variable_get(:@releaser)
      events << %i[free call release autorelease autorelease=].map { |name| releaser.respond_to?(name) }
    end
    expect(log).to eq [[true] * 5, :released]
  end

  it "holds a releaser that knows autorelease" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      releaser = pointer.instance_variable_get(:@releaser)
      events << releaser.autorelease
      releaser.autorelease = false
      events << [releaser.autorelease, pointer.autorelease?]
      pointer.autorelease = true
      events << releaser.autorelease
      pointer.free
      events << releaser.autorelease << releaser.free << releaser.call
    end
    expect(log).to eq [true, [false, false], true, :released, false, nil, nil]
  end

  it "holds a releaser that shows the wrapped object and the callable" do
    log = log_of do |events, base|
      raw = events.raw
      destructor = Oracle.method(:free)
      pointer = base.new(raw, destructor)
      releaser = pointer.instance_variable_get(:@releaser)
      shown = -> { %i[@ptr @proc @autorelease].map { |name| releaser.instance_variable_get(name) } }
      events << [shown.call[0].equal?(raw), shown.call[1].equal?(destructor), shown.call[2]]
      pointer.free
      events << shown.call
    end
    expect(log).to eq [[true, true, true], :released, [nil, nil, false]]
  end

  it "holds a releaser that takes another callable" do
    log = log_of do |events, base|
      @kept = base.new(events.raw, ->(_) { events << :first })
      @kept.instance_variable_get(:@releaser).instance_variable_set(:@proc, Oracle.method(:free))
    end
    expect(log).to eq [:released]
  end

  it "holds a releaser that keeps what else is stored in it" do
    log = log_of do |events, base|
      @kept = handle(base).new(events.raw)
      releaser = @kept.instance_variable_get(:@releaser)
      releaser.instance_variable_set(:@note, "mine")
      events << releaser.instance_variable_get(:@note) << releaser.instance_variable_get(:@other)
      events << releaser.instance_variables.include?(:@note)
    end
    expect(log).to eq ["mine", nil, true, :released]
  end
end
