# frozen_string_literal: true

RSpec.describe "a family of pointers" do
  # A pointer that keeps its children, as a window its buttons.
  def keeper
    Class.new(Handle) do
      def self.release(raw) = Oracle.free(raw)
      def children = @children ||= []
    end
  end

  def released(*names)
    names.map { |name| [:released, name] }
  end

  # What the last owner does, for all that are named.
  endings = {
    "by hand" => ->(members) { members.each(&:free) },
    "on another thread" => ->(members) { members.each { |member| Thread.new { member.free }.join } },
    "at GC" => :gc,
    "at exit" => :exit
  }

  # Makes members, and lets go of them in the way of `ending`. Members that are made earlier are not finalized earlier,
  # or later, by any rule to rely on: hence all the orders.
  def let_go(ending, &make)
    case ending
    when :gc
      out_of_reach(&make)
      full_gc
    when :exit
      @alive_at_exit = make.call
    else
      ending.call(make.call)
    end
  end

  endings.each do |how, ending|
    %i[a b c].permutation.each do |order|
      it "is released from the children up #{how}, made in the order #{order.join}" do
        log = in_child do |events|
          let_go(ending) do
            made = order.to_h { |name| [name, events.pointer(name)] }
            made[:b].parent = made[:a]
            made[:c].parent = made[:b]
            made.values
          end
        end
        expect(log).to eq released(:c, :b, :a)
      end
    end

    # Which of the two comes first is open at GC and at exit: a child that does is released itself.
    [%i[parent child root], %i[parent root child], %i[root parent child]].each do |order|
      it "is released once #{how} where a parent frees its child, made in the order #{order.join(", ")}" do
        log = in_child do |events|
          let_go(ending) do
            made = {}
            order.each do |name|
              options = name == :child ? {parent: made[:parent], freed_by_parent: true} : {}
              made[name] = SafePointer.new(events.raw(name), Oracle.method(:free), **options)
            end
            made[:parent].parent = made[:root]
            made.values
          end
        end
        expect(log).to eq(released(:parent, :root)).or eq(released(:child, :parent, :root))
      end
    end

    it "has its parent's own free run at most once #{how}, and its memory released once" do
      log = in_child do |events|
        type = Class.new(Handle) do
          def free
            Events.current << :own_free
            super
          end
        end
        let_go(ending) do
          parent = type.new(events.raw(:parent))
          [parent, SafePointer.new(events.raw(:child), Oracle.method(:free), parent: parent)]
        end
      end
      expect(log).to eq [[:released, :child], *(:own_free unless ending.is_a?(Symbol)), [:released, :parent]]
    end
  end

  describe "and the parent object" do
    it "is kept by its child" do
      log = in_child do |events|
        make = lambda do
          parent = events.pointer(:parent)
          SafePointer.new(events.raw(:child), Oracle.method(:free), parent: parent)
        end
        child = nil
        out_of_reach { child = make.call }
        full_gc
        events << child.parent.read_int
        child.free
        events << :child_freed
      end
      expect(log).to eq [0, [:released, :child], :child_freed, [:released, :parent]]
    end

    it "is kept by an older child, which finds it after compaction" do
      log = in_child do |events|
        child = events.pointer(:child)
        4.times { GC.start }
        out_of_reach { child.parent = events.pointer(:parent) }
        GC.start(full_mark: false)
        GC.verify_compaction_references(toward: :empty)
        events << child.parent.read_int
        child.free
        events << :child_freed
      end
      expect(log).to eq [0, [:released, :child], :child_freed, [:released, :parent]]
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

    it "does not leak if it keeps its children" do
      log = in_child do |events|
        type = keeper
        out_of_reach do
          10.times do
            parent = type.new(events.raw(:parent))
            3.times { parent.children << Handle.new(events.raw(:child), parent: parent) }
          end
        end
        full_gc
        events << :collected
      end
      expect(log.last).to be :collected
      expect(log.tally).to eq([:released, :parent] => 10, [:released, :child] => 30, :collected => 1)
    end

    it "does not leak if it keeps its children and was freed before them" do
      log = in_child do |events|
        type = keeper
        out_of_reach do
          parent = type.new(events.raw(:parent))
          3.times { parent.children << Handle.new(events.raw(:child), parent: parent) }
          parent.free
        end
        full_gc
        events << :collected
      end
      expect(log).to eq [*released(:child, :child, :child, :parent), :collected]
    end

    it "does not leak if it frees the children that it keeps" do
      log = in_child do |events|
        type = keeper
        out_of_reach do
          10.times do
            parent = type.new(events.raw(:parent))
            3.times { parent.children << Handle.new(events.raw(:child), parent: parent, freed_by_parent: true) }
          end
        end
        full_gc
        events << :collected
      end
      expect(log.last).to be :collected
      expect(log.tally).to include([:released, :parent] => 10)
    end
  end

  describe "whose parent frees its child" do
    def within(events, name, parent)
      SafePointer.new(events.raw(name), Oracle.method(:free), parent: parent, freed_by_parent: true)
    end

    it "lets the parent wait while the child is in its release on another thread" do
      log = in_child do |events|
        parent = events.pointer(:parent)
        child = SafePointer.new(events.raw(:child), Oracle.method(:free_at_gate), parent: parent, freed_by_parent: true)
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
        parent = SafePointer.new(events.raw(:parent), Oracle.method(:free_at_gate))
        child = within(events, :child, parent)
        leased = within(events, :leased, parent)
        Oracle.close_gate
        thread = Thread.new { parent.free }
        wait_until { Oracle.waiting == 1 }
        events << child.free << (leased.use { nil } rescue $!.class)
        events << (SafePointer.new(events.raw, Oracle.method(:free), parent: leased) rescue $!.class)
        Oracle.open_gate
        thread.join
        events << [parent, child, leased].map { |pointer| [pointer.freed?, pointer.null?] }
      end
      refusals = [SafePointer::ReleasedError] * 2
      expect(log).to eq [[:at_gate, :parent], nil, *refusals, [:released, :parent], [[true, true]] * 3]
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
  end

  describe "where autorelease is off" do
    {"at GC" => :gc, "at exit" => :exit}.each do |how, ending|
      %i[parent child].permutation.each do |order|
        it "gives up the child #{how}, and releases the parent (#{order.join(", ")})" do
          log = in_child do |events|
            let_go(ending) do
              made = order.to_h { |name| [name, events.pointer(name)] }
              made[:child].parent = made[:parent]
              made[:child].autorelease = false
              made.values
            end
          end
          expect(log).to eq released(:parent)
        end

        it "gives up the parent #{how}, and releases the child and who the parent was to be released before " \
           "(#{order.join(", ")})" do
          log = in_child do |events|
            let_go(ending) do
              made = order.to_h { |name| [name, events.pointer(name)] }
              made[:child].parent = made[:parent]
              made[:parent].parent = root = events.pointer(:root)
              made[:parent].autorelease = false
              [*made.values, root]
            end
          end
          expect(log).to eq released(:child, :root)
        end
      end

      it "releases a parent #{how} that was freed, although it is off" do
        log = in_child do |events|
          let_go(ending) do
            parent = events.pointer(:parent)
            child = SafePointer.new(events.raw(:child), Oracle.method(:free), parent: parent)
            parent.autorelease = false
            parent.free
            [parent, child]
          end
        end
        expect(log).to eq released(:child, :parent)
      end

      it "leaves a detached child alone #{how}" do
        log = in_child do |events|
          let_go(ending) do
            parent = events.pointer(:parent)
            child = SafePointer.new(events.raw(:child), Oracle.method(:free), parent: parent)
            child.detach
            [parent, child]
          end
        end
        expect(log).to eq released(:parent)
      end
    end
  end

  describe "on several threads" do
    it "has the parent released on the thread that ended the last child" do
      log = in_child do |events|
        releasing = nil
        parent = SafePointer.new(events.raw(:parent), lambda { |raw|
          releasing = Thread.current
          Oracle.free(raw)
        })
        child = SafePointer.new(events.raw(:child), Oracle.method(:free_at_gate), parent: parent)
        Oracle.close_gate
        thread = Thread.new { child.free }
        wait_until { Oracle.waiting == 1 }
        events << parent.free << parent.freed?
        Oracle.open_gate
        thread.join
        events << [parent.freed?, parent.null?, releasing.equal?(thread)]
      end
      expect(log).to eq [[:at_gate, :child], nil, false, *released(:child, :parent), [true, true, true]]
    end

    it "has it released although the child's thread is killed in the release" do
      log = in_child do |events|
        entered = Queue.new
        parent = events.pointer(:parent)
        child = SafePointer.new(events.raw, ->(_) { entered << true and Thread.stop }, parent: parent)
        thread = Thread.new { child.free }
        entered.pop
        parent.free
        thread.kill.join
        events << [parent, child].map(&:freed?)
      end
      expect(log).to eq [*released(:parent), [true, true]]
    end

    it "is released once, whoever frees whom" do
      log = in_child do |events|
        rounds = GCLevel::CURRENT == "stress" ? 2 : 50
        rounds.times do
          parent = events.pointer(:parent)
          children = Array.new(4) { SafePointer.new(events.raw(:child), Oracle.method(:free), parent: parent) }
          start = Queue.new
          threads = [*children, parent, *children, parent].map { |member| Thread.new { start.pop || member.free } }
          start.close
          threads.each(&:join)
          events << parent.freed?
        end
      end
      log.each_slice(6) { |round| expect(round).to eq [*released(*[:child] * 4), [:released, :parent], true] }
    end
  end

  # No release is called from within another one, however deep the family is.
  describe "of 10_000 generations" do
    depth = GCLevel::CURRENT == "stress" ? 100 : 10_000

    {
      "by hand from the top" => ->(line) { line.each(&:free) },
      "by hand from the bottom" => ->(line) { line.reverse_each(&:free) },
      "at exit" => ->(_) {}
    }.each do |how, free|
      it "is released #{how}" do
        log = in_child do |events|
          @line = [Handle.new(Oracle.create)]
          (depth - 1).times { @line << Handle.new(Oracle.create, parent: @line.last) }
          free.call(@line)
          events << @line.count(&:freed?)
        end
        freed = how == "at exit" ? 0 : depth
        expect(log.tally).to eq(:released => depth, freed => 1)
      end

      it "is released #{how} where each frees the next" do
        log = in_child do |events|
          @line = [Handle.new(events.raw(:top))]
          (depth / 10 - 1).times { @line << Handle.new(Oracle.create, parent: @line.last, freed_by_parent: true) }
          free.call(@line)
          events << @line.count(&:freed?)
        end
        expect(log.count([:released, :top])).to be 1
        expect(log.last).to eq([:released, :top]).or eq(:released).or eq(depth / 10)
      end
    end

    it "is released at GC" do
      log = in_child do |events|
        out_of_reach do
          depth.times.inject(nil) { |parent, _| Handle.new(Oracle.create, parent: parent) }
        end
        full_gc
        events << :collected
      end
      expect(log.tally).to eq(released: depth, collected: 1)
    end
  end

  describe "with errors nobody called for" do
    # Made here, so that it closes over no pointer.
    def refusal(message) = ->(_) { raise IOError, message }

    {"at GC" => :gc, "at exit" => :exit}.each do |how, ending|
      it "reports each once, and releases all #{how}" do
        log = in_child do |events|
          SafePointer.on_release_error { |error, info| events << [error.message, info[:trigger]] }
          let_go(ending) do
            parent = SafePointer.new(events.raw, refusal("parent"))
            child = SafePointer.new(events.raw, refusal("child"), parent: parent)
            [parent, child, events.pointer(:other)]
          end
        end
        expect(log).to contain_exactly(["child", ending], ["parent", ending], [:released, :other])
      end
    end

    it "says in its warning that the release came after the last child" do
      child = fork_child do |events|
        parent = Handle.new(raw = events.raw, refusal("busy"))
        events << raw.address
        child = SafePointer.new(events.raw, Oracle.method(:free), parent: parent)
        parent.free
        child.free
      end
      place = format("address=0x%016x", child.events.first)
      expect(child.stderr).to eq "safe_pointer: release of Handle #{place} after its last child raised IOError: busy\n"
    end
  end

  # Owners that are no pointers.
  describe "with owners of releasers" do
    owner = Class.new do
      attr_reader :releaser

      def initialize(raw, **options)
        @releaser = SafePointer::Releaser.attach(self, raw, Oracle.method(:free), **options)
      end
    end

    endings.each do |how, ending|
      it "is released from the children up #{how}" do
        log = in_child do |events|
          let_go(ending) do
            context = owner.new(events.raw(:context))
            device = owner.new(events.raw(:device), parent: context.releaser)
            handle = SafePointer.new(events.raw(:handle), Oracle.method(:free), parent: device.releaser)
            @owners = [context, device] unless ending == :gc
            [context.releaser, device.releaser, handle]
          end
        end
        expect(log).to eq released(:handle, :device, :context)
      end
    end
  end

  it "is one in FFI::AutoPointer and FFI::ManagedStruct too, where they are replaced" do
    child = run_ruby(<<~RUBY)
      require "safe_pointer/auto_pointer"

      class Part < FFI::ManagedStruct
        layout :x, :int
        def self.release(raw) = Oracle.free(raw)
      end

      whole = FFI::AutoPointer.new(events.raw(:whole), Oracle.method(:free))
      part = Part.new(events.raw(:part))
      part.pointer.parent = whole
      piece = FFI::AutoPointer.new(events.raw(:piece), Oracle.method(:free), parent: part)
      within = FFI::AutoPointer.new(events.raw(:within), Oracle.method(:free), parent: piece, freed_by_parent: true)
      [whole, part.pointer, piece].each(&:free)
      events << [whole, part.pointer, piece, within].map { |pointer| [pointer.freed?, pointer.null?] }
    RUBY
    expect(child.stderr).to be_empty
    expect(child.events).to eq [*released(:piece, :part, :whole), [[true, true]] * 4]
  end
end
