# frozen_string_literal: true

require_relative "../support/no_memory"

# A process can have no memory left, and go on with less: Ruby collects, or raises NoMemoryError. Rust aborts it where the
# extension gets none.
RSpec.describe "The end of memory", if: NoMemory::POSSIBLE do
  # The extension gets no memory while `without_memory` runs its block. Then it has asked for some.
  helpers = <<~RUBY
    require "support/no_memory"

    def without_memory(&)
      NoMemory.during(&)
    ensure
      NoMemory.refused.positive? or raise "the extension needed no memory"
    end

    Native = Class.new(SafePointer) { release_with Oracle, :count }
    Released = Class.new(SafePointer) { def self.release(raw) = Oracle.count(raw) }

    def make(klass, count) = Array.new(count) { |number| klass.new(FFI::Pointer.new(number + 1)) }

    QUEUE = SafePointer::ReleaseQueue.new

    # The child of a parent that GC finds dead. It has no pointer.
    def leave_child(number = 1)
      parent = Released.new(FFI::Pointer.new(number), release_queue: QUEUE)
      SafePointer::Releaser.new(FFI::Pointer.new(number), Oracle.method(:count), parent: parent)
    end
  RUBY

  def child(helpers, source)
    Child.ruby(helpers + source, env: NoMemory.environment)
  end

  %w[Native Released].each do |klass|
    it "releases what a collection finds dead (#{klass})" do
      child = child(helpers, <<~RUBY)
        GC.disable
        out_of_reach { make(#{klass}, 20_000) }
        GC.enable
        without_memory { full_gc }
        full_gc
        events << Oracle.counted
      RUBY
      expect(child).to be_quiet
      expect(child.events.first).to eq 20_000
    end
  end

  it "makes and frees pointers" do
    child = child(helpers, <<~RUBY)
      make(Released, 1_000).each(&:free)
      without_memory { make(Released, 1_000).each(&:free) }
      events << Oracle.counted
    RUBY
    expect(child).to be_quiet
    expect(child.events.first).to eq 2_000
  end

  it "raises NoMemoryError where there is no room for another pointer, and goes on" do
    child = child(helpers, <<~RUBY)
      made = []
      without_memory do
        loop { made << make(Released, 1) }
      rescue NoMemoryError => e
        events << e.message
      end
      count = made.size
      made.flatten.each(&:free)
      events << (Oracle.counted == count)
      make(Released, 1_000).each(&:free)
      events << (Oracle.counted == count + 1_000)
    RUBY
    expect(child).to be_quiet
    expect(child.events.first(3)).to eq ["failed to allocate memory", true, true]
  end

  it "raises NoMemoryError where the release of the parent, due thereby, meets another" do
    child = child(helpers, <<~RUBY)
      class Parent < SafePointer
        def self.release(raw)
          make(Released, 1_000)
        rescue NoMemoryError
          events << :release
        end
      end

      # Runs in the construction of the child, before that has a place.
      FFI::Pointer.prepend(Module.new do
        def initialize(*)
          super
          $due&.free
        end
      end)
      parent, raw = Parent.new(FFI::Pointer.new(64)), FFI::Pointer.new(65)
      made = []
      without_memory do
        begin
          loop { made << make(Released, 1) }
        rescue NoMemoryError
          $due = parent
        end
        Released.new(raw, parent: parent)
      rescue NoMemoryError
        events << :new
      end
      events << parent.freed? << made.flatten.none?(&:freed?)
    RUBY
    expect(child).to be_quiet
    expect(child.events.first(4)).to eq [:release, :new, true, true]
  end

  it "refuses a lease with NoMemoryError where there is no room for it, and ends the others" do
    child = child(helpers, <<~RUBY)
      pointer, = make(Released, 1)
      make(Released, 1_000).each(&:free)
      fibers = []
      without_memory do
        loop { fibers << Fiber.new { pointer.use { Fiber.yield } }.tap(&:resume) }
      rescue NoMemoryError
        pointer.free
        events << pointer.freed?
        fibers.each(&:resume)
      end
      events << pointer.freed? << fibers.none?(&:alive?)
    RUBY
    expect(child).to be_quiet
    expect(child.events.first(3)).to eq [false, true, true]
  end

  it "has what is due wait in its queue where there is no room" do
    child = child(helpers, <<~RUBY)
      def own(owner, number)
        raw = FFI::Pointer.new(number)
        SafePointer::Releaser.attach(owner, raw, Oracle.method(:count), release_queue: QUEUE)
      end

      # In the end of the release of a child, that has given back what it had.
      def take_all_room
        loop { MADE.concat(make(Released, 1)) }
      rescue NoMemoryError
        nil
      end

      MADE = []
      children = []
      out_of_reach { children = Array.new(1_000) { leave_child } }
      full_gc
      events << QUEUE.drain << Oracle.counted

      GC.disable
      out_of_reach { 1_000.times { |number| own(Object.new, number + 1) } }
      GC.enable
      without_memory do
        take_all_room
        full_gc
        subscription = SafePointer.subscribe { |event| take_all_room if event.name == :released }
        children.each(&:free)
      ensure
        subscription&.unsubscribe
      end
      events << QUEUE.size << Oracle.counted << QUEUE.drain << Oracle.counted
    RUBY
    expect(child).to be_quiet
    expect(child.events.first(6)).to eq [1_000, 0, 2_000, 1_000, 2_000, 3_000]
  end

  it "refuses a queue a thread with NoMemoryError where there is no room for it, which is forgotten" do
    child = child(helpers, <<~RUBY)
      Worker = SafePointer::ReleaseQueue.const_get(:Worker)
      queues = Array.new(1_000) { SafePointer::ReleaseQueue.new }
      all = Worker.instance_variable_get(:@all)
      known = all.size
      made = 0
      without_memory do
        queues.each { |queue| Worker.new(queue) && made += 1 }
      rescue NoMemoryError
        events << :refused
      end
      events << all.size - known - made
      queues.each(&:close)
      events << all.size - known
    RUBY
    expect(child).to be_quiet
    expect(child.events).to eq [:refused, 0, 0]
  end

  it "releases parents at exit, after members that wait for theirs, where there is no room for all holds" do
    child = child(helpers, <<~RUBY)
      def hold(parent, number = 1)
        callable = ->(_) { events << :member }
        SafePointer::Releaser.new(FFI::Pointer.new(number), callable, parent: parent)
      end

      class Parent < SafePointer
        def self.release(raw) = events << :parent
      end

      parent = Parent.new(FFI::Pointer.new(64))
      members = Array.new(100) { hold(parent) }
      KEPT = members.map { |member| hold(member) }
      members.each(&:free)
      # Refused from here on.
      at_exit { NoMemory.begin }
    RUBY
    expect(child).to be_quiet
    expect(child.events).to eq [:member] * 100 << :parent
  end

  it "has any number of parents that it finds dead wait for their children, and in their queue" do
    child = child(helpers, <<~RUBY)
      GC.disable
      children = []
      out_of_reach { children = Array.new(10_000) { leave_child } }
      GC.enable
      without_memory do
        full_gc
        events << QUEUE.drain << Oracle.counted
        children.each(&:free)
        events << QUEUE.size << Oracle.counted << QUEUE.drain << Oracle.counted
      end
    RUBY
    expect(child).to be_quiet
    expect(child.events.first(6)).to eq [10_000, 0, 10_000, 10_000, 10_000, 20_000]
  end

  it "does without a warning where there is no memory to know owners" do
    child = child(helpers, <<~RUBY)
      SafePointer.warnings[:second_owner] = true
      made = without_memory { make(Native, 1_000) }
      made.each(&:free)
      events << Oracle.counted
    RUBY
    expect(child).to be_quiet
    expect(child.events.first).to eq 1_000
  end
end
