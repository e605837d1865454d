# frozen_string_literal: true

# Each process signs what it releases, so the logs tell who released what.
RSpec.describe "pointers in a forked process, of a family" do
  let(:discarding) { Class.new(Handle) { fork_policy :discard } }

  released_by = ->(who, *names) { names.map { |name| [:released, name, who] } }

  # The policies of a parent and its child, both kept in instance variables, what the fork does with them, and the log
  # of both processes.
  {
    "are all left alone there, under :discard" => [
      %i[discard discard], ->(_) {}, released_by[:parent, :bottom, :top]
    ],
    "are waited for where the fork releases the parent by hand" => [
      %i[discard discard],
      lambda { |events|
        @top.free
        events << @top.freed?
        @bottom.free
      },
      [false, *released_by[:fork, :bottom, :top], *released_by[:parent, :bottom, :top]]
    ],
    "do not keep a parent with :release from being released at exit there" => [
      %i[release discard], ->(_) {}, [*released_by[:fork, :top], *released_by[:parent, :bottom, :top]]
    ]
  }.each do |what, (policies, in_fork, expected)|
    it what do
      log = in_child do |events|
        events.sign(:parent)
        top, bottom = policies.map { |policy| policy == :discard ? discarding : Handle }
        @top = top.new(events.raw(:top))
        @bottom = bottom.new(events.raw(:bottom), parent: @top)
        in_fork_of(events) { instance_exec(events, &in_fork) }
      end
      expect(log).to eq expected
    end
  end

  it "are released there children first, under :release" do
    log = in_child do |events|
      events.sign(:parent)
      @pointers = [Handle.new(events.raw(:top))]
      %i[middle bottom].each { |name| @pointers << Handle.new(events.raw(name), parent: @pointers.last) }
      in_fork_of(events) { nil }
    end
    expect(log).to eq(%i[fork parent].flat_map { |who| released_by[who, :bottom, :middle, :top] })
  end

  it "are not waited for any longer when GC there has left them alone" do
    log = in_child do |events|
      events.sign(:parent)
      @top = Handle.new(events.raw(:top))
      bottoms = []
      out_of_reach { bottoms << discarding.new(events.raw(:bottom), parent: @top) }
      in_fork_of(events) do
        @top.free
        bottoms.clear
        full_gc
        events << @top.freed?
      end
      events << bottoms.size
    end
    expect(log).to eq [*released_by[:fork, :top], true, 1, *released_by[:parent, :bottom, :top]]
  end

  # An owner that has died, whose pointer cannot be released yet: it has a child, which keeps the releaser alone.
  def dead_owner(events, **options)
    out_of_reach do
      owner = SafePointer::Releaser.attach(Object.new, events.raw(:top), Oracle.method(:free),
                                           fork_policy: :discard, **options)
      @bottom = Handle.new(events.raw(:bottom), parent: owner)
    end
    full_gc
  end

  it "are left alone there, under :discard, where they become due after GC has found them dead here" do
    log = in_child do |events|
      events.sign(:parent)
      dead_owner(events)
      in_fork_of(events) { @bottom.free }
      events << :forked
      @bottom.free
    end
    expect(log).to eq [*released_by[:fork, :bottom], :forked, *released_by[:parent, :bottom, :top]]
  end

  it "are left alone there, under :discard, where they are due in a queue" do
    log = in_child do |events|
      events.sign(:parent)
      queue = SafePointer::ReleaseQueue.new
      full_gc
      figures = -> { SafePointer.stats.values_at(:live, :detached) }
      before = figures.call
      dead_owner(events, release_queue: queue)
      # Asks for the release, which has to wait. Then it is due.
      queue.drain
      @bottom.free
      in_fork_of(events) do
        queue.drain
        events << figures.call.zip(before).map { |now, once| now - once }
      end
      queue.drain
    end
    expect(log).to eq [*released_by[:parent, :bottom], [0, 1], *released_by[:parent, :top]]
  end
end
