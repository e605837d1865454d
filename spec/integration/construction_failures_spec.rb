# frozen_string_literal: true

require_relative "../support/native_handle"

RSpec.describe SafePointer, "whose construction fails" do
  kinds = { "a release of its class" => "Handle", "a C function" => "NativeHandle" }

  kinds.each do |kind, type|
    it "in an initialize put before ffi's is as if it had never been initialized: with #{kind}" do
      child = run_ruby(<<~RUBY)
        require "support/native_handle"
        fails = false
        FFI::Pointer.prepend(Module.new { define_method(:initialize) { |*all| fails ? raise(IOError) : super(*all) } })
        raw = events.raw
        fails = true
        pointer = #{type}.allocate
        (pointer.__send__(:initialize, raw) rescue events << $!.class)
        fails = false
        events << [pointer.freed?, pointer.autorelease?, pointer.free, SafePointer.stats.values_at(:live, :created)]
        full_gc
        pointer.__send__(:initialize, raw)
        events << SafePointer.stats.values_at(:live, :created)
        pointer.free
        events << pointer.freed?
      RUBY
      expect(child).to be_quiet, child.inspect
      expect(child.events).to eq [IOError, [false, false, nil, [0, 0]], [1, 1], :released, true]
    end
  end

  it "leaves what was wrapped to the program, where a subscriber that has used it throws" do
    log = in_child do |events|
      raw = events.raw
      type = Class.new(NativeHandle)
      SafePointer.subscribe do |event|
        next unless event.name == :created

        ObjectSpace.each_object(type).first.use { |used| used }
        throw :out
      end
      before = SafePointer.stats
      catch(:out) { type.new(raw) }
      after = SafePointer.stats
      full_gc
      events << %i[live created detached].map { |name| after[name] - before[name] }
      Oracle.free(raw)
    end
    expect(log).to eq [[0, 1, 1], :released]
  end

  {
    "used" => ["pointer.use { |used| used }", %w[detached], []],
    "freed" => ["pointer.free", %w[freed], [:released]]
  }.each do |what, (deed, state, released)|
    kinds.each do |kind, type|
      it "in an initialize that has #{what} it, is released at most once: with #{kind}", room: type == "NativeHandle" do
        child = run_ruby(<<~RUBY)
          require "support/native_handle"
          raw = events.raw
          pointer = #{type}.allocate
          FFI::Pointer.prepend(Module.new do
            define_method(:initialize) { |*all| equal?(pointer) ? (#{deed}; raise(IOError)) : super(*all) }
          end)
          (pointer.__send__(:initialize, raw) rescue events << $!.class)
          full_gc
          events << %w[freed detached].select { |state| pointer.public_send(state + "?") } << SafePointer.stats[:live]
          pointer.free
        RUBY
        expect(child).to be_quiet, child.inspect
        expect(child.events).to eq [*released, IOError, (type == "Handle" ? [] : state), 0]
      end
    end
  end

  it "because what it is given initializes it first" do
    log = in_child do |events|
      pointer = SafePointer.allocate
      callable = Object.new
      callable.define_singleton_method(:call) { |raw| Oracle.free(raw) }
      callable.define_singleton_method(:respond_to?) do |*arguments|
        pointer.__send__(:initialize, events.raw(:first), Oracle.method(:free)) if pointer.null?
        super(*arguments)
      end
      raw = events.raw(:second)
      (pointer.__send__(:initialize, raw, callable) rescue events << $!.message[/is already initialized/])
      pointer.free
      Oracle.free(raw)
    end
    expect(log).to eq ["is already initialized", %i[released first], %i[released second]]
  end

  it "because the look at its class, which is new, initializes it first" do
    log = in_child do |events|
      type = Class.new(NativeHandle)
      pointer = type.allocate
      looks = TracePoint.new(:call) do |call|
        next unless call.method_id == :ffis_constructor? && pointer.null?

        looks.disable
        pointer.__send__(:initialize, events.raw(:first))
      end
      raw = events.raw(:second)
      looks.enable { (pointer.__send__(:initialize, raw) rescue events << $!.message[/is already initialized/]) }
      pointer.free
      Oracle.free(raw)
    end
    expect(log).to eq ["is already initialized", %i[released first], %i[released second]]
  end

  it "would be for good where its class changes at each look" do
    log = in_child do |events|
      type = Class.new(NativeHandle)
      looks = 0
      looking = TracePoint.new(:call) do |call|
        next unless call.method_id == :ffis_constructor?

        looks += 1
        type.define_singleton_method(:release) { |raw| Oracle.free(raw) }
      end
      looking.enable { type.new(events.raw).free }
      events << (looks > 2)
    end
    expect(log).to eq [:released, true]
  end

  # `use` replaces the native release by a releaser, which has Ruby make a pointer: the initialize waits there.
  it "while another fiber begins to use it", :room do
    child = run_ruby(<<~RUBY)
      require "support/native_handle"
      raw = events.raw
      pointer = NativeHandle.allocate
      other = Fiber.new do
        events << pointer.use { |used| used }
      rescue SafePointer::ReleasedError, RuntimeError => error
        events << error.class
      end
      steps = [-> { other.resume && raise(IOError) }, -> { Fiber.yield true }]
      FFI::Pointer.prepend(Module.new { define_method(:initialize) { |*all| steps.shift&.call; super(*all) } })
      (pointer.__send__(:initialize, raw) rescue events << $!.class)
      other.resume
      events << pointer.freed?
      pointer.__send__(:initialize, raw)
      pointer.free
    RUBY
    expect(child).to be_quiet, child.inspect
    expect(child.events).to eq [IOError, RuntimeError, false, :released]
  end
end
