# frozen_string_literal: true

# Threads that do to the same pointers whatever can be done, in any order. Their steps come from a seed, which is
# the name of the example; how the threads interleave is up to Ruby.
class Turmoil
  THREADS = 4
  SLOTS = 12
  STEPS = GCLevel::CURRENT == "stress" ? 40 : 750
  MARK = 0x5afe

  # What a pointer may be once somebody else has been there first.
  REFUSALS = [SafePointer::ReleasedError, FFI::NullPointerError, ArgumentError].freeze

  module Named
    attr_accessor :name
  end

  class Plain < Handle
    include Named
  end

  # These change their parents.
  class OwnFree < Handle
    include Named

    def free(wait: false)
      Thread.pass if wait
      super()
    end
  end

  class Closed < Handle
    include Named

    frees_with :close

    def close = Oracle.free(self)
  end

  # An object that has a releaser, as in place of a pointer.
  class Owner
    include Named

    def initialize(raw, **options)
      @releaser = SafePointer::Releaser.attach(self, raw, Oracle.method(:free), **options)
    end

    attr_reader :releaser

    def free = @releaser.free
  end

  OPERATIONS = {
    free: ->(life) { life.pick.free },
    close: ->(life) { life.pick(Closed)&.close },
    own_free: ->(life) { life.pick(OwnFree)&.free(wait: true) },
    by_hand: ->(life) { life.pick(Handle)&.then { |pointer| pointer.class.release(pointer) } },
    releaser: ->(life) { life.pick(Handle)&.instance_variable_get(:@releaser)&.free },
    use: ->(life) { life.use(life.pick(SafePointer)) },
    use_and_free: ->(life) { life.pick(SafePointer)&.then { |pointer| life.use(pointer) { pointer.free } } },
    nested_use: ->(life) { life.pick(SafePointer)&.then { |pointer| life.use(pointer) { life.use(pointer) } } },
    read: ->(life) { life.pick(SafePointer)&.then { |pointer| [pointer.inspect, pointer.freed?, pointer.read_int] } },
    detach: ->(life) { life.detach(life.pick(Handle)) if life.random.rand(4).zero? },
    autorelease: ->(life) { life.pick(SafePointer)&.then { |pointer| life.autorelease(pointer) } },
    parent: ->(life) { life.pick(OwnFree)&.parent = [nil, life.pick(SafePointer)].sample(random: life.random) },
    replace: ->(life) { life.replace },
    minor_gc: ->(_) { GC.start(full_mark: false) },
    gc: ->(life) { GC.start if life.random.rand(8).zero? },
    pass: ->(_) { Thread.pass }
  }.freeze

  attr_reader :random

  def initialize(events, slots, number, seed)
    @events = events
    @slots = slots
    @number = number
    @made = 0
    @random = Random.new(seed * THREADS + number)
  end

  def live
    STEPS.times do
      OPERATIONS.fetch(OPERATIONS.keys.sample(random: @random)).call(self)
    rescue *REFUSALS
      next
    end
  end

  # One of the pointers; only one of `type`, if that is given. Array#select reads an element again when the block has
  # chosen it, and by then another thread may have replaced it.
  def pick(type = nil)
    @slots.dup.select { |pointer| type.nil? || type === pointer }.sample(random: @random)
  end

  def replace
    @slots[@random.rand(@slots.size)] = make
  end

  # Logs what it made, and the parent it will have to the end.
  def make
    name = :"p#{@number}_#{@made += 1}"
    raw = @events.raw(name)
    raw.write_int(MARK)
    type = [Plain, OwnFree, Closed, Owner].sample(random: @random)
    made, parent = wrap(type, raw, @random.rand(3).positive? ? pick : nil)
    made.name = name
    @events << [:made, name, type == OwnFree ? nil : parent&.name]
    made
  end

  def use(pointer)
    return unless pointer

    pointer.use do |raw|
      yield if block_given?
      Thread.pass
      raw.read_int == MARK || pointer.detached? or @events << [:released_in_use, pointer.name]
    end
  end

  def autorelease(pointer)
    pointer.autorelease = false
    Thread.pass
  ensure
    pointer.autorelease = true
  end

  def detach(pointer)
    raw = pointer&.detach or return
    @events << [:detached, pointer.name]
    Oracle.free(raw)
  end

  private

  def wrap(type, raw, parent)
    [type.new(raw, parent: parent.is_a?(Owner) ? parent.releaser : parent), parent]
  rescue SafePointer::ReleasedError
    [type.new(raw), nil]
  end
end

RSpec.describe "threads that do everything to the same pointers" do
  (0...3).each do |i|
    seed = RSpec.configuration.seed + i

    it "release each once in all, with the seed #{seed}" do
      log = in_child do |events|
        maker = Turmoil.new(events, [], Turmoil::THREADS, seed)
        @slots = Array.new(Turmoil::SLOTS) { maker.make }
        threads = Array.new(Turmoil::THREADS) do |number|
          Thread.new { Turmoil.new(events, @slots, number, seed).live }
        end
        threads.each(&:join)
        events << [:ended]
      end
      events = log.group_by(&:first).transform_values { |found| found.map { |event| event.drop(1) } }
      released = events.fetch(:released).flatten
      parents = events.fetch(:made).to_h
      expect(events.keys - [:detached]).to contain_exactly(:made, :released, :ended)
      expect(released).to match_array(parents.keys)

      detached = events.fetch(:detached, []).flatten
      parents.reject! { |*family| family.include?(nil) || family.intersect?(detached) }
      # The few steps there are time for under stress need not make a family.
      expect(parents).not_to be_empty unless GCLevel::CURRENT == "stress"
      order = released.each_with_index.to_h
      expect(parents.reject { |child, parent| order[child] < order[parent] }).to be_empty
    end
  end
end
