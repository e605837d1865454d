# frozen_string_literal: true

require_relative "../support/endings"
require_relative "../support/queues"

# A Releaser has no pointer that GC finds dead. One that is gone before it was called is never released, and its parent
# does not wait for it any more.
RSpec.describe "a releaser that nobody calls" do
  include Endings
  include Queues

  # A child that is dropped with the block, in a frame of its own.
  def drop_child(events, parent)
    out_of_reach { loose(events, parent) }
    full_gc
    events << :dropped
  end

  def loose(events, parent)
    SafePointer::Releaser.new(events.raw(:child), Oracle.method(:free), parent: parent)
  end

  it "lets its parent be freed once it is collected" do
    log = in_child do |events|
      parent = events.pointer(:parent)
      drop_child(events, parent)
      parent.free
      events << parent.freed?
    end
    expect(log).to eq [:dropped, [:released, :parent], true]
  end

  it "has its parent released when it is collected, where that was freed before" do
    log = in_child do |events|
      parent = events.pointer(:parent)
      out_of_reach { loose(events, parent) && parent.free }
      events << parent.freed?
      full_gc
      events << parent.freed?
    end
    expect(log - [[:released, :parent]]).to eq [false, true]
    expect(log.count([:released, :parent])).to be 1
  end

  it "goes in the same collection as its parent" do
    log = in_child do |events|
      out_of_reach { loose(events, events.pointer(:parent)) }
      full_gc
      events << :collected
    end
    expect(log).to eq [[:released, :parent], :collected]
  end

  it "keeps its parent waiting for as long as it is there" do
    log = in_child do |events|
      parent = events.pointer(:parent)
      child = loose(events, parent)
      parent.free
      full_gc
      events << parent.freed?
      2.times { child.free }
      events << parent.freed?
    end
    expect(log).to eq [false, *released(:child, :parent), true]
  end

  # What is done with it before it is dropped.
  {
    "that was freed" => [:free.to_proc, %i[child parent]],
    "that was called as a finalizer" => [->(child) { child.call(0) }, %i[child parent]],
    "that may not be released by GC" => [->(child) { child.autorelease = false }, [:parent]],
    "that was called, and may not be released" => [
      lambda { |child|
        child.autorelease = false
        child.call(0)
      }, [:parent]
    ],
    "whose pointer was taken" => [->(child) { child.instance_variable_set(:@ptr, nil) }, [:parent]]
  }.each do |what, (step, names)|
    it "is let go of once: one #{what}" do
      log = in_child do |events|
        parent = events.pointer(:parent)
        out_of_reach { step.call(loose(events, parent)) }
        full_gc
        other = loose(events, parent)
        parent.free
        events << parent.freed?
        other.free
      end
      expect(log).to eq [*released(*names.first(names.size - 1)), false, *released(:child, :parent)]
    end
  end

  it "is not waited for if its construction has failed" do
    log = in_child do |events|
      parent = events.pointer(:parent)
      begin
        SafePointer::Releaser.attach(:frozen, events.raw(:child), Oracle.method(:free), parent: parent)
      rescue ArgumentError, FrozenError
        events << :refused
      end
      full_gc
      parent.free
    end
    expect(log).to eq [:refused, [:released, :parent]]
  end

  it "is let go of where its owner's finalizer was taken off" do
    log = in_child do |events|
      parent = events.pointer(:parent)
      out_of_reach do
        owner = Object.new
        SafePointer::Releaser.attach(owner, events.raw(:child), Oracle.method(:free), parent: parent)
        ObjectSpace.undefine_finalizer(owner)
      end
      full_gc
      parent.free
    end
    expect(log).to eq released(:parent)
  end

  # Each is the child of the one before.
  def chain(events, parent, length: 5)
    length.times.inject([parent]) { |chain, _| chain << loose(events, chain.last) }.drop(1)
  end

  it "may have children that are dropped with it" do
    log = in_child do |events|
      parent = events.pointer(:parent)
      out_of_reach { chain(events, parent) }
      6.times { full_gc }
      parent.free
    end
    expect(log).to eq released(:parent)
  end

  it "waits for its own children to be dropped where it was freed, and its parent for it" do
    log = in_child do |events|
      parent = events.pointer(:parent)
      out_of_reach do
        child, = chain(events, parent, length: 2)
        parent.free
        child.free
      end
      full_gc
      events << parent.freed?
    end
    expect(log).to eq [*released(:child, :parent), true]
  end

  it "has its parent released by the queue of that" do
    log = in_child do |events|
      queue = SafePointer::ReleaseQueue.new
      out_of_reach { loose(events, events.pointer(:parent, release_queue: queue)) }
      full_gc
      events << queue.size << queue.drain
    end
    expect(log).to eq [1, [:released, :parent], 1]
  end

  it "leaves its parent to wait for others" do
    log = in_child do |events|
      parent = events.pointer(:parent)
      drop_child(events, parent)
      child = events.pointer(:child, parent: parent)
      parent.free
      events << parent.freed?
      child.free
    end
    expect(log).to eq [:dropped, false, *released(:child, :parent)]
  end

  describe "of an owner," do
    # The owner and the parent are made in either order, and neither is referred to any more.
    [%i[owner parent], %i[parent owner]].each do |order|
      Endings::BY_RUBY.each do |how, ending|
        it "comes before its parent #{how}, with #{order.join(" before ")}" do
          log = in_child do |events|
            let_go(ending) do
              made = order.to_h { |name| [name, name == :owner ? Object.new : events.pointer(:parent)] }
              SafePointer::Releaser.attach(made[:owner], events.raw(:child), Oracle.method(:free), parent: made[:parent])
              made
            end
          end
          expect(log).to eq released(:child, :parent)
        end
      end
    end

    it "comes before its parent at exit where it has to wait for one that nobody calls" do
      log = in_child do |events|
        owner = Object.new
        parent = events.pointer(:parent)
        middle = events.pointer(:middle)
        last = loose(events, middle)
        first = SafePointer::Releaser.attach(owner, events.raw(:owned), Oracle.method(:free), parent: parent)
        middle.parent = first
        @alive_at_exit = [owner, parent, middle, last, first]
      end
      expect(log).to eq released(:middle, :owned, :parent)
    end
  end

  describe "at the end of the process" do
    {
      "dropped" => ->(child) { child.itself },
      "still referred to" => ->(child) { $child = child }
    }.each do |what, keep|
      it "does not keep its parent from release if it is #{what}" do
        log = in_child do |events|
          @alive_at_exit = parent = events.pointer(:parent)
          GC.disable
          out_of_reach { keep.call(loose(events, parent)) && nil }
        end
        expect(log).to eq released(:parent)
      end
    end

    it "may be one of a chain, of which those are released that were freed" do
      log = in_child do |events|
        parent = events.pointer(:parent)
        @alive_at_exit = [parent, chain(events, parent)]
        @alive_at_exit.last[1].free
        events << :end
      end
      expect(log).to eq [:end, *released(:child, :parent)]
    end

    it "may be freed by hand after all, when no parent waits for it any more" do
      child = run_ruby(<<~RUBY)
        PARENT = SafePointer.new(Oracle.create("parent")) do |raw|
          Oracle.free(raw)
          # Called after the release.
          ObjectSpace.define_finalizer(Object.new, ->(_) { free_all })
        end
        def child(name, parent: nil) = SafePointer::Releaser.new(Oracle.create(name), Oracle.method(:free), parent: parent)

        def free_all
          last = child("last", parent: MOTHER)
          [MOTHER, *CHILDREN, *CHILDREN, last].each(&:free)
        end
        MOTHER = child("mother")
        CHILDREN = [child("first", parent: PARENT), child("second", parent: MOTHER)]
      RUBY
      expect(child).to have_attributes(quiet?: true, events: released(:parent, :first, :second, :last, :mother))
    end

    it "does not keep what the release of its parent makes from its release" do
      log = in_child do |events|
        @alive_at_exit = parent = SafePointer.new(events.raw(:parent), lambda { |raw|
          Oracle.free(raw)
          @made = events.pointer(:made)
        })
        @alive_at_exit = [parent, loose(events, parent)]
      end
      expect(log).to eq released(:parent, :made)
    end
  end

  it "is let go of in a forked process, too" do
    log = in_child do |events|
      events.sign(:here)
      parent = events.pointer(:parent)
      out_of_reach do
        loose(events, parent)
        in_fork_of(events) { full_gc && parent.free }
      end
      full_gc
      parent.free
    end
    expect(log).to eq [%i[released parent fork], %i[released parent here]]
  end

  it "is left alone, and so is its parent, in a forked process that is to leave the parent alone" do
    log = in_child do |events|
      events.sign(:here)
      parent = events.pointer(:parent, fork_policy: :discard)
      children = [loose(events, parent)]
      in_fork_of(events) { children.clear && full_gc }
      children.clear
    end
    expect(log).to eq [%i[released parent here]]
  end

  it "is let go of in a Ractor", unless: RUBY_VERSION < "3.3" do
    child = run_ruby(<<~RUBY)
      Warning[:experimental] = false
      Ractor.new do
        parent = SafePointer.new(Oracle.create("parent"), Oracle.method(:free))
        SafePointer::Releaser.new(Oracle.create("child"), Oracle.method(:free), parent: parent)
        nil
      end.value
    RUBY
    expect(child).to have_attributes(quiet?: true, events: released(:parent))
  end

  it "may be collected at any time" do
    child = run_ruby(<<~RUBY)
      parents = Array.new(50) { events.pointer(:parent) }
      out_of_reach do
        parents.each do |parent|
          GC.stress = true
          SafePointer::Releaser.new(FFI::Pointer.new(8), ->(_) {}, parent: parent)
          GC.stress = false
        end
      end
      full_gc
      parents.each(&:free)
      events << parents.count(&:freed?)
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [*released(*[:parent] * 50), 50])
  end
end
