# frozen_string_literal: true

# When a registry calls back, by the clauses of ECMAScript it has from there, and how it survives what has crashed
# others.
RSpec.describe "a finalization registry" do
  # With a queue of its own, and the log of what it has called back with.
  def registry_and_queue(&callback)
    queue = SafePointer::ReleaseQueue.new
    callback ||= ->(held) { Events.current << held }
    [SafePointer::FinalizationRegistry.new(queue: queue, &callback), queue]
  end

  # Has targets registered and dropped.
  def drop(registry, *helds, token: nil)
    out_of_reach { helds.each { |held| registry.register(Object.new, held, token) } }
    full_gc
  end

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

    it "without a queue, and without end, while others go on (HostEnqueueFinalizationRegistryCleanupJob)" do
      log = in_child do |events|
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
      end
      expect(log).to eq [:went_on]
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

  it "calls back at the end of the process for what was collected before and waits in its queue" do
    log = in_child do |events|
      registry, @queue = registry_and_queue
      drop(registry, :held)
      events << :end
    end
    expect(log).to eq %i[end held]
  end

  it "keeps neither target nor token alive" do
    log = in_child do |events|
      registry, @queue = registry_and_queue
      gone = ->(_id) { events << :gone }
      make = lambda do
        target, token, kept = Array.new(3) { Object.new }
        [target, token].each { |object| ObjectSpace.define_finalizer(object, gone) }
        registry.register(target, :held)
        registry.register(@kept = kept, :held, token)
      end
      out_of_reach(&make)
      full_gc
      events << :collected << registry.class
    end
    expect(log).to eq [:gone, :gone, :collected, SafePointer::FinalizationRegistry, :held]
  end

  it "is not kept alive by its targets" do
    log = in_child do |events|
      gone = ->(_id) { events << :gone }
      @target = Object.new
      make = lambda do
        registry = SafePointer::FinalizationRegistry.new { |held| Events.current << held }
        ObjectSpace.define_finalizer(registry, gone)
        registry.register(@target, :held)
      end
      out_of_reach(&make)
      full_gc
      events << :collected
    end
    expect(log).to eq %i[gone collected]
  end

  # Each has crashed an engine that reached into a registry, a target or a token that the same collection had freed.
  describe "survives the collection that finds it dead together with" do
    cycles = {
      "itself as a target" => ->(registry) { registry.register(registry, :held) },
      "itself as a target and a token" => ->(registry) { registry.register(registry, :held, registry) },
      "itself as what is held" => ->(registry) { registry.register(Object.new, registry) },
      "targets made before it" => ->(registry, before) { before.each { |target| registry.register(target, :held, target) } },
      "targets made after it" => ->(registry) { 10.times { registry.register(target = Object.new, :held, target) } },
      "targets that are held for others" => lambda { |registry, before|
        before.each_cons(2) { |target, other| registry.register(target, other, other) }
      },
      "targets that refer to it" => ->(registry) { 10.times { registry.register([registry], :held) } },
      "another registry, each a target of the other" => lambda { |registry|
        other = SafePointer::FinalizationRegistry.new {}
        registry.register(other, :held, registry)
        other.register(registry, :held, other)
      },
      "tokens only" => ->(registry) { 10.times { registry.register(registry.class, :held, Object.new) } }
    }
    cycles.each do |what, entangle|
      {"right away" => false, "at every allocation" => true}.each do |when_, stress|
        it "#{what}, #{when_}" do
          log = in_child do |events|
            make = lambda do
              before = Array.new(5) { Object.new }
              registry = SafePointer::FinalizationRegistry.new { |_held| nil }
              GC.stress = 1 if stress
              entangle.call(*[registry, before].first(entangle.arity))
            ensure
              GC.stress = false
            end
            3.times { out_of_reach(&make) }
            3.times { full_gc }
            events << :alive
          end
          expect(log).to eq [:alive]
        end
      end
    end
  end

  describe "with a callback that" do
    it "makes and registers without end does as much at a time as was there, and does not call itself" do
      log = in_child do |events|
        registry = nil
        depth = 0
        register = ->(held) { registry.register(Object.new, held + 1) }
        registry, queue = registry_and_queue do |held|
          depth += 1
          events << [held, depth]
          next if held == 3 # at exit

          out_of_reach { register.call(held) }
          full_gc
          depth -= 1
        end
        drop(registry, 0)
        3.times { events << queue.drain }
      end
      expect(log).to eq [[0, 1], 1, [1, 1], 1, [2, 1], 1, [3, 1]]
    end

    it "raises does not keep the others from being called, and is reported (CleanupFinalizationRegistry, step 3.c)" do
      log = in_child do |events|
        SafePointer.on_release_error { |error, info| events << [error.class, info[:class], info[:trigger], info[:address]] }
        registry, queue = registry_and_queue { |held| held.is_a?(Class) ? raise(held) : events << held }
        drop(registry, RuntimeError, :one, NoMemoryError, :two, SystemStackError)
        events << queue.drain
      end
      errors = [RuntimeError, NoMemoryError, SystemStackError]
      expect(log.last).to be 5
      expect(log[0..-2]).to match_array(
        errors.map { |error| [error, SafePointer::FinalizationRegistry, :queue, nil] } + %i[one two]
      )
    end

    it "raises warns without a handler" do
      child = fork_child do
        registry, queue = registry_and_queue { raise "no" }
        drop(registry, 1)
        queue.drain
      end
      expect(child.stderr).to eq(
        "safe_pointer: release of SafePointer::FinalizationRegistry from a queue raised RuntimeError: no\n"
      )
    end

    it "collects, compacts and drains is called once for each" do
      log = in_child do |events|
        queue = nil
        registry, queue = registry_and_queue do |held|
          GC.start
          GC.compact
          events << held << queue.drain
        end
        drop(registry, :held, :held)
        events << queue.drain
      end
      expect(log).to eq [:held, 0, :held, 0, 2]
    end

    it "drops the last reference to the registry is called for all that was collected by then" do
      log = in_child do |events|
        queue = SafePointer::ReleaseQueue.new
        holder = []
        make = lambda do
          holder << SafePointer::FinalizationRegistry.new(queue: queue) { |held|
            holder.clear
            GC.start
            Events.current << held
          }
          3.times { |i| holder.first.register(Object.new, i) }
        end
        out_of_reach(&make)
        full_gc
        events << queue.drain
      end
      expect(log.first(3)).to contain_exactly(0, 1, 2)
      expect(log.last).to be 3
    end

    it "registers its targets' successors in another registry" do
      log = in_child do |events|
        second, queue = registry_and_queue
        first = SafePointer::FinalizationRegistry.new(queue: queue) { |held|
          out_of_reach { second.register(Object.new, [held]) }
        }
        drop(first, :held)
        queue.drain
        full_gc
        events << queue.drain
      end
      expect(log).to eq [[:held], 1]
    end
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
