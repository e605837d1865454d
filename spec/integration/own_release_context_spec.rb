# frozen_string_literal: true

require_relative "../support/interruptions"

# A method of the class's own is the release. What is within it, and what only comes in its midst?
RSpec.describe "a release by a method of the class's own" do
  include Interruptions

  def on_another_thread(&block) = Thread.new(&block).join
  def on_a_fiber_of_its_own(&block) = Fiber.new(&block).resume

  def in_an_enumerator
    outside = Enumerator.new { |yielder| yielder << yield }
    outside.next
    outside.next rescue StopIteration
  end

  # One that was there before.
  def on_another_fiber(&block)
    @another_fiber.resume(block)
  end

  interruptions = %i[in_a_trap_handler in_a_finalizer in_a_release_at_gc]
  # All collections are minor then: what has grown old meanwhile is never found dead.
  interruptions = interruptions.first(1) if GCLevel::CURRENT == "stress"
  elsewhere = %i[on_another_thread on_a_fiber_of_its_own in_an_enumerator on_another_fiber]

  # A class whose methods `names` destroy by themselves, after a call of `meanwhile`.
  def type(*names, &meanwhile)
    Class.new(Handle) do
      frees_with :close
      names.each do |name|
        define_method(name) do
          Events.current << name
          meanwhile.call(self)
          Oracle.free(self)
        end
      end
    end
  end

  # All that asks for the release, and what it comes to.
  def ask_all(pointer, raw)
    releaser = pointer.instance_variable_get(:@releaser)
    asks = [
      -> { pointer.free }, -> { pointer.close }, -> { pointer.class.release(pointer) },
      -> { releaser.free }, -> { releaser.release(raw) }, -> { releaser.call }, -> { pointer.use { :used } }
    ]
    asks.map { |ask| ask.call rescue $!.class }
  end

  (interruptions + elsewhere).product([%i[close], %i[close free], %i[free close]]) do |where, names|
    beside = " beside a #{names.last}" if names.size > 1
    it "answers nil and runs nothing #{where.to_s.tr("_", " ")} in the midst of a #{names.first}#{beside}" do
      log = in_child do |events|
        @another_fiber = Fiber.new(&:call)
        raw = events.raw
        answers = nil
        type = type(*names) { |pointer| send(where) { answers = ask_all(pointer, raw) } }
        pointer = type.new(raw)
        pointer.public_send(names.first)
        events << answers << [pointer.freed?, pointer.null?]
      end
      nothing = [nil, names.include?(:close) ? nil : NoMethodError, *[nil] * 4, SafePointer::ReleasedError]
      expect(log).to eq [names.first, :released, nothing, [true, true]]
    end
  end

  # Two classes deep, with a close and a free in each, and a collection in between.
  def deep_type
    parent = Class.new(Handle) do
      frees_with :close
      define_method(:close) { Events.current << :parent_close }
      define_method(:free) do
        Events.current << :parent_free
        super()
      end
    end
    Class.new(parent) do
      define_method(:close) { super() and GC.start }
      define_method(:free) do
        GC.start
        close
        super()
      end
    end
  end

  [*interruptions, *elsewhere, :itself].each do |where|
    it "runs as ever where it begins #{where.to_s.tr("_", " ")}" do
      log = in_child do |events|
        @another_fiber = Fiber.new(&:call)
        pointer = deep_type.new(events.raw)
        where == :itself ? pointer.free : send(where) { pointer.free }
        events << pointer.freed? << pointer.free
      end
      expect(log).to eq [:parent_close, :parent_free, :released, true, nil]
    end
  end

  it "runs as ever where a collection carries it out, as the fiber that it waited for is gone" do
    log = in_child do |events|
      pointer = deep_type.new(events.raw)
      Thread.new { Fiber.new { pointer.use { pointer.free || Fiber.yield } }.resume && nil }.join
      events << pointer.freed?
      full_gc
      events << pointer.freed?
    end
    expect(log).to eq [false, :parent_close, :parent_free, :released, true]
  end

  # A `free` of the class's own that calls `super` by way of the block.
  def type_with_super(&call)
    Class.new(Handle) do
      define_method(:free) do
        call.call(-> { super() })
        Events.current << null?
      end
    end
  end

  {
    "on a fiber" => ->(body) { Fiber.new(&body).resume },
    "in an Enumerator" => ->(body) { Enumerator.new { |_| body.call }.next rescue StopIteration },
    "on a fiber of a fiber" => ->(body) { Fiber.new { Fiber.new(&body).resume }.resume }
  }.each do |where, call|
    it "calls the release callable by super #{where}" do
      log = in_child { |events| type_with_super(&call).new(events.raw).free }
      expect(log).to eq [:released, true]
    end
  end

  it "does not call it by super on another thread" do
    log = in_child { |events| type_with_super { |body| Thread.new(&body).join }.new(events.raw).free }
    expect(log).to eq [false]
  end
end
