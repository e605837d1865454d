# frozen_string_literal: true

require_relative "../support/endings"

# Who keeps whom alive.
RSpec.describe "a family of pointers and the parent object" do
  include Endings

  # How a child comes to its parent, which nobody else refers to. Both are made out of reach.
  {
    "is kept by its child" => lambda { |events|
      make = -> { events.pointer(:child, parent: events.pointer(:parent)) }
      child = nil
      out_of_reach { child = make.call }
      full_gc
      child
    },
    "is kept by an older child, which finds it after compaction" => lambda { |events|
      child = events.pointer(:child)
      4.times { GC.start }
      out_of_reach { child.parent = events.pointer(:parent) }
      GC.start(full_mark: false)
      GC.verify_compaction_references(toward: :empty)
      child
    }
  }.each do |what, make|
    it what do
      log = in_child do |events|
        child = instance_exec(events, &make)
        events << child.parent.read_int
        child.free
        events << :child_freed
      end
      expect(log).to eq [0, [:released, :child], :child_freed, [:released, :parent]]
    end
  end

  it "is released after a child releaser that does not keep it" do
    log = in_child do |events|
      releaser = nil
      out_of_reach do
        parent = events.pointer(:parent)
        releaser = SafePointer::Releaser.new(events.raw(:child), Oracle.method(:free), parent: parent)
      end
      full_gc
      events << :collected
      releaser.free
    end
    expect(log).to eq [:collected, [:released, :child], [:released, :parent]]
  end

  describe "that keeps its children, as a window its buttons," do
    # Makes so many of them out of reach, each with three children, and collects.
    def drop_keepers(events, count, **options)
      type = Class.new(Handle) do
        def self.release(raw) = Oracle.free(raw)
        def children = @children ||= []
      end
      out_of_reach do
        count.times do
          parent = type.new(events.raw(:parent))
          3.times { parent.children << Handle.new(events.raw(:child), parent: parent, **options) }
          yield parent if block_given?
        end
      end
      full_gc
      events << :collected
    end

    it "does not leak" do
      log = in_child { |events| drop_keepers(events, 10) }
      expect(log.last).to be :collected
      expect(log.tally).to eq([:released, :parent] => 10, [:released, :child] => 30, :collected => 1)
    end

    it "does not leak if it was freed before them" do
      log = in_child { |events| drop_keepers(events, 1, &:free) }
      expect(log).to eq [*released(:child, :child, :child, :parent), :collected]
    end

    it "does not leak if it frees them" do
      log = in_child { |events| drop_keepers(events, 10, freed_by_parent: true) }
      expect(log.last).to be :collected
      expect(log.tally).to include([:released, :parent] => 10)
    end
  end
end
