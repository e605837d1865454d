# frozen_string_literal: true

require_relative "../support/endings"

# The release of a parent destroys its children natively: on several threads, at GC and at exit.
RSpec.describe "a family of pointers whose parent frees its child" do
  include Endings

  def within(events, name, parent, **options)
    events.pointer(name, parent: parent, freed_by_parent: true, **options)
  end

  it "lets the parent wait while the child is in its release on another thread" do
    log = in_child do |events|
      parent = events.pointer(:parent)
      child = within(events, :child, parent, release: Oracle.method(:free_at_gate))
      Oracle.close_gate
      thread = Thread.new { child.free }
      wait_until { Oracle.waiting == 1 }
      events << parent.free << parent.freed?
      Oracle.open_gate
      thread.join
      events << [parent, child].map { |pointer| [pointer.freed?, pointer.null?] }
    end
    expect(log).to eq [[:at_gate, :child], nil, false, *released(:child, :parent), [[true, true]] * 2]
  end

  it "does not release the child while the parent is in its release on another thread" do
    log = in_child do |events|
      parent = events.pointer(:parent, release: Oracle.method(:free_at_gate))
      child = within(events, :child, parent)
      leased = within(events, :leased, parent)
      Oracle.close_gate
      thread = Thread.new { parent.free }
      wait_until { Oracle.waiting == 1 }
      events << child.free << (leased.use { nil } rescue $!.class)
      events << (events.pointer(parent: leased) rescue $!.class)
      Oracle.open_gate
      thread.join
      events << [parent, child, leased].map { |pointer| [pointer.freed?, pointer.null?] }
    end
    refusals = [SafePointer::ReleasedError] * 2
    expect(log).to eq [[:at_gate, :parent], nil, *refusals, [:released, :parent], [[true, true]] * 3]
  end

  it "leaves nothing to do for GC and exit where the parent was given away" do
    log = in_child do |events|
      parent = events.pointer(:parent)
      children = []
      out_of_reach { 2.times { children << events.pointer(:child, parent: parent, freed_by_parent: true) } }
      parent.detach
      out_of_reach { children.pop }
      full_gc
      events << [:collected, children.map(&:freed?)]
    end
    expect(log).to eq [[:collected, [false]]]
  end

  it "leaves nothing to do for GC and exit after the parent is freed" do
    log = in_child do |events|
      kept = nil
      out_of_reach do
        parent = events.pointer(:parent)
        dropped = Array.new(5) { |i| within(events, :"dropped_#{i}", parent) }
        kept = within(events, :kept, parent)
        parent.free
        dropped.clear
      end
      full_gc
      @alive_at_exit = kept
      events << kept.freed?
    end
    expect(log).to eq [[:released, :parent], true]
  end

  it "leaves nothing to do for a child whose autorelease is turned on again" do
    log = in_child do |events|
      parent = events.pointer(:parent)
      @alive_at_exit = within(events, :child, parent)
      parent.free
      @alive_at_exit.autorelease = true
      events << @alive_at_exit.freed?
    end
    expect(log).to eq [[:released, :parent], true]
  end

  it "lets GC release the child by itself while the parent lives" do
    log = in_child do |events|
      parent = events.pointer(:parent)
      out_of_reach { within(events, :child, parent) }
      full_gc
      events << :collected
      parent.free
    end
    expect(log).to eq [[:released, :child], :collected, [:released, :parent]]
  end

  # A parent looks for the pointers that its release has destroyed too, while these may be garbage themselves.
  describe "with an owner that is no pointer" do
    def attach(events, owner)
      SafePointer::Releaser.attach(owner, events.raw(:child), Oracle.method(:free),
                                   parent: events.pointer(:parent), freed_by_parent: true)
    end

    it "keeps the parent for as long as the owner lives" do
      log = in_child do |events|
        owner = Object.new
        out_of_reach { attach(events, owner) }
        full_gc
        events << owner.frozen?
      end
      expect(log.first).to be false
      expect(log.last).to eq [:released, :parent]
    end

    it "keeps the parents of all that it owns, itself of a class that is frozen" do
      log = in_child do |events|
        owner = Class.new.freeze.new
        out_of_reach { 3.times { attach(events, owner) } }
        full_gc
        events << owner.frozen?
      end
      expect(log.first).to be false
      expect(log.count([:released, :parent])).to be 3
    end

    it "lets go of a parent that refers to the owner" do
      owned = Class.new { attr_accessor :parent }
      log = in_child do |events|
        out_of_reach do
          2.times do
            parent = events.pointer(:parent)
            owner = owned.new
            SafePointer::Releaser.attach(owner, events.raw(:child), Oracle.method(:free),
                                         parent: parent, freed_by_parent: true)
            parent.instance_variable_set(:@owner, owner)
          end
        end
        2.times { full_gc }
        events << :collected
      end
      expect(log - [%i[released child]]).to eq [*released(:parent, :parent), :collected]
    end

    it "lets go of the parent when the owner is gone" do
      log = in_child do |events|
        out_of_reach { attach(events, Object.new) }
        2.times { full_gc }
        events << :collected
      end
      # The child's release may come first, or there is nothing left of it to release.
      expect(log - [%i[released child]]).to eq [%i[released parent], :collected]
    end
  end

  describe "where they are garbage" do
    # CRuby 3.1 has dead pointers among the keys of an ObjectSpace::WeakMap until all their finalizers have run. A
    # collection that comes upon one crashes.
    it "survives a release of the parent among the finalizers of dead children" do
      child = run_ruby(<<~RUBY)
        parent = Handle.new(events.raw(:parent))
        release = lambda do |raw|
          Oracle.free(raw)
          GC.stress = true
          parent.free
        ensure
          GC.stress = false
        end
        GC.disable
        out_of_reach do
          80.times do
            SafePointer.new(events.raw(:other), release)
            Handle.new(events.raw, parent: parent, freed_by_parent: true)
          end
        end
        live = Handle.new(events.raw(:live), parent: parent, freed_by_parent: true)
        below = Handle.new(events.raw(:below), parent: live, freed_by_parent: true)
        GC.enable
        GC.start
        events << [parent, live, below].map { |pointer| [pointer.freed?, pointer.null?] }
      RUBY
      expect(child).to be_quiet
      expect(child.events).to include([[true, true]] * 3)
      expect(child.events.tally).to include([:released, :parent] => 1, [:released, :other] => 80)
      expect(child.events.flatten).not_to include(:live, :below)
    end

    it "leaves them alone in the parent's release where the collector has been there before" do
      child = run_ruby(<<~RUBY)
        NOTHING = ->(_) {} # outside: it would keep the parent alive there
        GC.stress = 1
        out_of_reach do
          5.times do
            parent = SafePointer.new(Oracle.create(:parent), Oracle.method(:free))
            2.times { SafePointer.new(FFI::Pointer.new(16), NOTHING, parent: parent, freed_by_parent: true) }
          end
        end
        3.times { GC.start }
      RUBY
      expect(child).to be_quiet, child.inspect
      expect(child.events).to eq([%i[released parent]] * 5)
    end
  end
end
