# frozen_string_literal: true

require_relative "../support/registries"

# When a registry calls back, by the clauses of ECMAScript it has from there. What a callback may do:
# finalization_registry_callback_spec.rb. How it survives what has crashed others:
# finalization_registry_collection_spec.rb.
RSpec.describe "a finalization registry" do
  include Registries

  describe "calls back" do
    it "after the target is collected, once, with what was held (CleanupFinalizationRegistry, step 3.c)" do
      log = in_child do |events|
        registry, queue = registry_and_queue
        drop(registry, :held, nil, [1])
        events << queue.drain
        full_gc
        events << queue.drain
      end
      expect(log.first(3)).to contain_exactly(:held, nil, [1])
      expect(log.drop(3)).to eq [3, 0]
    end

    it "without a queue as well, on a thread of its own (HostEnqueueFinalizationRegistryCleanupJob)" do
      log = in_child do |events|
        called = Queue.new
        registry = SafePointer::FinalizationRegistry.new { |held| called << [held, Thread.current == Thread.main] }
        drop(registry, :held)
        events << called.pop
      end
      expect(log).to eq [[:held, false]]
    end

    # At the end of the process there are no more signals to the thread, which still has something to do.
    {
      "while others go on" => "",
      "under GC stress, in a process that ends meanwhile" => "GC.stress = 1"
    }.each do |what, first|
      it "without a queue, and without end, #{what} (HostEnqueueFinalizationRegistryCleanupJob)" do
        child = run_ruby(<<~RUBY)
          #{first}
          called = 0
          registry = nil
          register = ->(held) { registry.register(Object.new, held) }
          registry = SafePointer::FinalizationRegistry.new do |held|
            called += 1
            register.call(held + 1)
            GC.start
          end
          # A chain of callbacks ends where a target is still on the thread's stack.
          while called < 4
            out_of_reach { register.call(0) }
            full_gc
          end
          events << :went_on
        RUBY
        expect(child).to be_quiet
        expect(child.events).to eq [:went_on]
      end
    end

    it "never in the midst of register, or of the collection" do
      log = in_child do |events|
        registry, queue = registry_and_queue
        drop(registry, :held)
        events << :collected << queue.size
        queue.drain
      end
      expect(log).to eq [:collected, 1, :held]
    end

    it "not while the target lives" do
      log = in_child do |events|
        registry, queue = registry_and_queue
        target = Object.new
        registry.register(target, :held)
        full_gc
        events << queue.drain << target.class
      end
      expect(log).to eq [0, Object]
    end

    it "once for each time the target was registered, by whomever (register, step 7: the cells are a list)" do
      log = in_child do |events|
        registry, queue = registry_and_queue
        other = SafePointer::FinalizationRegistry.new(queue: queue) { |held| events << [:other, held] }
        make = lambda do
          target = Object.new
          registry.register(target, 1)
          registry.register(target, 1)
          registry.register(target, 2)
          other.register(target, 1)
        end
        out_of_reach(&make)
        full_gc
        queue.drain
      end
      expect(log).to contain_exactly(1, 1, 2, [:other, 1])
    end

    it "with what was held, which lives until then, and not longer" do
      log = in_child do |events|
        registry, queue = registry_and_queue { |held| events << held.value }
        gone = ->(_id) { events << :gone }
        type = Struct.new(:value)
        make = lambda do
          held = type.new(:value)
          ObjectSpace.define_finalizer(held, gone)
          registry.register(Object.new, held)
        end
        out_of_reach(&make)
        full_gc
        events << :collected
        drain = -> { queue.drain }
        out_of_reach(&drain)
        full_gc
        events << :end
      end
      expect(log).to eq %i[collected value gone end]
    end

    it "on the thread that drains the queue" do
      log = in_child do |events|
        registry, queue = registry_and_queue { events << Thread.current[:name] }
        drop(registry, 1)
        Thread.new do
          Thread.current[:name] = :drains
          queue.drain
        end.join
      end
      expect(log).to eq [:drains]
    end

    it "as its class was told to, whatever is frozen" do
      log = in_child do
        registry, queue = registry_and_queue
        type = Class.new(SafePointer::FinalizationRegistry)
        drop(type.new(queue: queue) { |held| Events.current << held }.freeze.tap { |frozen| @frozen = frozen }, :subclass)
        drop(registry, :plain)
        queue.drain
      end
      expect(log).to eq %i[subclass plain]
    end
  end

  describe "calls nobody back" do
    it "for what was unregistered (unregister, step 5)" do
      log = in_child do |events|
        registry, queue = registry_and_queue
        token = Object.new
        drop_later = lambda do
          registry.register(Object.new, :forgotten, token)
          registry.register(Object.new, :other, Object.new)
          registry.register(Object.new, :none)
          registry.unregister(token)
        end
        out_of_reach(&drop_later)
        full_gc
        events << queue.drain
      end
      expect(log.first(2)).to contain_exactly(:other, :none)
      expect(log.last).to be 2
    end

    it "for what is unregistered when it is collected already (unregister, step 5: the cell is still there)" do
      log = in_child do |events|
        registry, queue = registry_and_queue
        token = Object.new
        drop(registry, :forgotten, token: token)
        events << registry.unregister(token) << registry.unregister(token)
        queue.drain
      end
      expect(log).to eq [true, false]
    end

    it "for what another callback unregisters (CleanupFinalizationRegistry, step 3: cell by cell)" do
      log = in_child do |events|
        token = Object.new
        registry = nil
        registry, queue = registry_and_queue { |held| events << held << registry.unregister(token) << registry.unregister(token) }
        drop(registry, :held, :held, :held, token: token)
        queue.drain
      end
      expect(log).to eq [:held, true, false]
    end

    it "when it is gone itself" do
      log = in_child do |events|
        queue = SafePointer::ReleaseQueue.new
        @target = Object.new
        make = -> { SafePointer::FinalizationRegistry.new(queue: queue) { |held| Events.current << held }.register(@target, :held) }
        out_of_reach(&make)
        full_gc
        @target = nil
        full_gc
        events << queue.drain
      end
      expect(log).to eq [0]
    end

    it "for a target that lives at the end of the process" do
      log = in_child do |events|
        @registry = SafePointer::FinalizationRegistry.new { |held| events << held }
        @target = Object.new
        @registry.register(@target, :held)
        events << :end
      end
      expect(log).to eq [:end]
    end
  end

  # Ruby 3.1 does not take it out of weak maps then.
  it "calls nobody else back where its finalizers were undefined and it is gone" do
    child = run_ruby(<<~RUBY)
      QUEUE = SafePointer::ReleaseQueue.new
      TARGETS = Array.new(300) { Object.new }
      def register = SafePointer::FinalizationRegistry.new(queue: QUEUE) { events << :called }
      out_of_reach do
        TARGETS.each { |target| register.tap { |each| ObjectSpace.undefine_finalizer(each) }.register(target, 1) }
      end
      full_gc
      OTHERS = Array.new(1_000) { [register, BasicObject.new, Object.new] }
      TARGETS.clear
      full_gc
      events << QUEUE.drain
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [0])
  end

  it "calls back at the end of the process for what was collected before and waits in its queue" do
    log = in_child do |events|
      registry, @queue = registry_and_queue
      drop(registry, :held)
      events << :end
    end
    expect(log).to eq %i[end held]
  end

  it "serves many threads that register, unregister and collect at once" do
    log = in_child do |events|
      count = GCLevel::CURRENT == "stress" ? 5 : 200
      called = Thread::Queue.new
      registry, queue = registry_and_queue { |held| called << held }
      Array.new(4) { |thread|
        Thread.new do
          count.times do |i|
            token = Object.new
            registry.register(Object.new, [thread, i], token)
            registry.register(token, nil, token)
            registry.unregister(token) or raise "lost a token"
            registry.register(Object.new, [thread, i])
            GC.start(full_mark: false) if (i % 50).zero?
          end
        end
      }.each(&:join)
      full_gc
      queue.drain
      helds = Array.new(called.size) { called.pop }
      events << [helds.uniq.size == helds.size, helds.size > count * 2]
    end
    expect(log).to eq [[true, true]]
  end

  it "hears of pointers, too: released first or not" do
    log = in_child do |events|
      registry, queue = registry_and_queue
      out_of_reach { registry.register(Handle.new(Events.current.raw(:pointer)), :collected) }
      full_gc
      queue.drain
    end
    expect(log).to eq [%i[released pointer], :collected]
  end
end
