# frozen_string_literal: true

# A fork takes one thread along. What the others were doing stays as it was, for ever.
RSpec.describe "a fork while" do
  let(:discarding) { Class.new(Handle) { fork_policy :discard } }

  # What a release may be that another thread is in, at the time of the fork.
  releases = {
    "a release" => lambda { |raw, inside|
      SafePointer.new(raw, lambda { |held|
        inside.call
        Oracle.free(held)
      })
    },
    "a free of its own" => lambda { |raw, inside|
      Class.new(Handle) do
        define_method(:free) do
          inside.call
          super()
        end
      end.new(raw)
    }
  }

  releases.each do |what, make|
    it "another thread is in #{what}: the fork leaves the pointer alone, and the parent finishes" do
      log = in_child do |events|
        events.sign(:parent)
        entered = Queue.new
        go_on = Queue.new
        @old = make.call(events.raw(:old), lambda {
          entered << true
          go_on.pop
        })
        thread = Thread.new { @old.free }
        entered.pop
        in_fork_of(events) do
          events << [@old.free, @old.freed?]
          full_gc
        end
        go_on << true
        thread.join
        events << @old.freed?
      end
      expect(log).to eq [[nil, false], %i[released old parent], true]
    end

    it "another thread is in #{what}: the fork drops the pointer and collects" do
      log = in_child do |events|
        events.sign(:parent)
        entered = Queue.new
        go_on = Queue.new
        pointers = []
        out_of_reach do
          pointers << make.call(events.raw(:old), lambda {
            entered << true
            go_on.pop
          })
        end
        thread = Thread.new { pointers.first.free }
        entered.pop
        in_fork_of(events) do
          pointers.clear
          full_gc
          events << :collected
        end
        go_on << true
        thread.join
      end
      expect(log).to eq [:collected, %i[released old parent]]
    end
  end

  it "another thread is in the C destructor: the fork leaves the pointer alone, and the parent finishes" do
    log = in_child do |events|
      events.sign(:parent)
      Oracle.close_gate
      @old = SafePointer.new(events.raw(:old), Oracle.method(:free_at_gate))
      thread = Thread.new { @old.free }
      wait_until { Oracle.waiting == 1 }
      in_fork_of(events) do
        events << [@old.free, @old.freed?]
        full_gc
      end
      Oracle.open_gate
      thread.join
      events << @old.freed?
    end
    expect(log).to eq [%i[at_gate old parent], [nil, false], %i[released old parent], true]
  end

  it "another thread is in a child's release: the fork keeps the parent waiting, rather than release it too early" do
    log = in_child do |events|
      events.sign(:parent)
      entered = Queue.new
      go_on = Queue.new
      @top = Handle.new(events.raw(:top))
      release = lambda { |raw|
        entered << true
        go_on.pop
        Oracle.free(raw)
      }
      @bottom = SafePointer.new(events.raw(:bottom), release, parent: @top)
      thread = Thread.new { @bottom.free }
      entered.pop
      in_fork_of(events) { events << [@top.free, @top.freed?] }
      go_on << true
      thread.join
    end
    expect(log).to eq [[nil, false], %i[released bottom parent], %i[released top parent]]
  end

  # Runs the block while a thread has a lease on `pointer`.
  def leased_elsewhere(pointer)
    leased = Queue.new
    go_on = Queue.new
    thread = Thread.new do
      pointer.use do
        leased << true
        go_on.pop
      end
    end
    leased.pop
    yield
    go_on << true
    thread.join
  end

  %i[release discard].each do |policy|
    describe "another thread has a lease, with fork_policy :#{policy}" do
      let(:type) { Class.new(Handle) { fork_policy policy } }

      it "free in the fork releases at once" do
        log = in_child do |events|
          events.sign(:parent)
          @old = type.new(events.raw(:old))
          leased_elsewhere(@old) do
            in_fork_of(events) do
              @old.free
              events << @old.freed?
            end
          end
          @old.free
        end
        expect(log).to eq [%i[released old fork], true, %i[released old parent]]
      end

      it "a free that waited already is carried out at exit of the fork" do
        log = in_child do |events|
          events.sign(:parent)
          @old = type.new(events.raw(:old))
          leased_elsewhere(@old) do
            @old.free
            GC.disable # which would end the lease in the fork
            in_fork_of(events) { events << :fork }
          end
        end
        expect(log).to eq [:fork, %i[released old fork], %i[released old parent]]
      end

      it "a free that waited already is carried out by the next free in the fork" do
        log = in_child do |events|
          events.sign(:parent)
          @old = type.new(events.raw(:old))
          leased_elsewhere(@old) do
            @old.free
            GC.disable # as above
            in_fork_of(events) do
              @old.free
              events << @old.freed?
            end
          end
        end
        expect(log).to eq [%i[released old fork], true, %i[released old parent]]
      end

      it "exit of the fork is as without it" do
        log = in_child do |events|
          events.sign(:parent)
          @old = type.new(events.raw(:old))
          leased_elsewhere(@old) { in_fork_of(events) { events << :fork } }
        end
        expect(log - [%i[released old fork]]).to eq [:fork, %i[released old parent]]
        expect(log.count(%i[released old fork])).to be(policy == :release ? 1 : 0)
      end

      it "a lease of its own in the fork works as ever" do
        log = in_child do |events|
          events.sign(:parent)
          @old = type.new(events.raw(:old))
          leased_elsewhere(@old) do
            in_fork_of(events) do
              @old.use do
                @old.free
                events << @old.freed?
              end
              events << @old.freed?
            end
          end
        end
        expect(log).to eq [false, %i[released old fork], true, %i[released old parent]]
      end

      it "free of a parent in the fork comes after that of the leased child" do
        log = in_child do |events|
          events.sign(:parent)
          @top = type.new(events.raw(:top))
          @bottom = type.new(events.raw(:bottom), parent: @top)
          leased_elsewhere(@bottom) do
            in_fork_of(events) { [@top, @bottom].each(&:free) }
          end
        end
        expect(log).to eq [
          %i[released bottom fork], %i[released top fork], %i[released bottom parent], %i[released top parent]
        ]
      end
    end
  end

  it "another thread has a lease: the parent's lease goes on" do
    log = in_child do |events|
      events.sign(:parent)
      @old = Handle.new(events.raw(:old))
      leased_elsewhere(@old) do
        in_fork_of(events) { @old.free }
        @old.free
        events << @old.freed?
      end
      events << @old.freed?
    end
    expect(log).to eq [%i[released old fork], false, %i[released old parent], true]
  end

  %i[release discard].each do |policy|
    it "this thread has a lease: free in the fork is carried out by its end, with fork_policy :#{policy}" do
      log = in_child do |events|
        events.sign(:parent)
        @old = Class.new(Handle) { fork_policy policy }.new(events.raw(:old))
        @old.use do
          in_fork_of(events) { events << [@old.free, @old.freed?] }
        end
        events << @old.freed?
      end
      expect(log).to eq [[nil, false], %i[released old fork], false, %i[released old parent]]
    end

    it "this thread has a lease, which ends in both processes, with fork_policy :#{policy}" do
      log = in_child do |events|
        events.sign(:parent)
        @old = Class.new(Handle) { fork_policy policy }.new(events.raw(:old))
        pid = @old.use do |raw|
          pid = fork
          events.sign(:fork) unless pid
          @old.free
          raw.write_int(42)
          pid
        end
        Process.wait(pid) if pid
      end
      expect(log).to contain_exactly(%i[released old fork], %i[released old parent])
    end
  end

  it "the release itself runs: each process finishes it, once" do
    log = in_child do |events|
      events.sign(:parent)
      @old = SafePointer.new(events.raw(:old), lambda { |raw|
        pid = fork
        events.sign(:fork) unless pid
        Process.wait(pid) if pid
        Oracle.free(raw)
        exit unless pid
      })
      @old.free
      events << :freed
    end
    expect(log).to eq [%i[released old fork], %i[released old parent], :freed]
  end

  it "other threads make and free pointers all the time", :fork_while_allocating do
    log = in_child do |events|
      events.sign(:parent)
      going = true
      threads = Array.new(2) do
        Thread.new do
          while going
            discarding.new(events.raw(:passing)).free
            Thread.pass
          end
        end
      end
      5.times { |i| in_fork_of(events, :"fork_#{i}") { discarding.new(events.raw(:new)).free } }
      going = false
      threads.each(&:join)
    end
    expect(log.uniq - [%i[released passing parent]]).to eq(Array.new(5) { |i| [:released, :new, :"fork_#{i}"] })
    expect(log.count { |event| event[1] == :new }).to be 5
  end
end
