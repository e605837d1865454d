# frozen_string_literal: true

require_relative "../support/registries"

# What a callback may do, and how it may end.
RSpec.describe "a finalization registry with a callback that" do
  include Registries

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
    expect(child.stderr).to match(
      /\Asafe_pointer: release of SafePointer::FinalizationRegistry from a queue raised RuntimeError: no \(#{__FILE__}:.*\)\n\z/
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
