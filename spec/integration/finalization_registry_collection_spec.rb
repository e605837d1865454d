# frozen_string_literal: true

require_relative "../support/registries"

# Whom a registry keeps alive, who keeps it, and what one collection may find dead at a time.
RSpec.describe "a finalization registry" do
  include Registries

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
end
