# frozen_string_literal: true

# Each process signs what it releases, so the logs tell who released what. Families: fork_family_spec.rb. Threads:
# fork_threads_spec.rb.
RSpec.describe "pointers in a forked process" do
  let(:discarding) { Class.new(Handle) { fork_policy :discard } }

  # Each runs `work` in a fork, to the normal end of that, and waits for it.
  # Without a block, the fork goes on where the call returns.
  without_block = lambda do |fork_now|
    lambda do |work|
      pid = fork_now.call
      next Process.wait(pid) if pid

      work.call
      exit
    end
  end
  ways = {
    "fork" => without_block[-> { fork }],
    "fork with a block" => ->(work) { Process.wait(fork(&work)) },
    "Process.fork" => without_block[-> { Process.fork }],
    "Process.fork with a block" => ->(work) { Process.wait(Process.fork(&work)) },
    "IO.popen" => lambda { |work|
      pipe = IO.popen("-")
      next pipe.close if pipe

      work.call
      exit
    },
    "a thread that forks" => ->(work) { Thread.new { Process.wait(fork(&work)) }.join }
  }

  ways.each do |way, fork_for|
    {
      release: [%i[released old fork], %i[released old parent]],
      discard: [%i[released old parent]]
    }.each do |policy, releases|
      it "that #{way} has made: what is older is released by #{releases.size} at exit" do
        log = in_child do |events|
          events.sign(:parent)
          type = Class.new(Handle) { fork_policy policy }
          @old = type.new(events.raw(:old))
          fork_for.call(-> { events.sign(:fork) })
          events << :forked
        end
        expect(log - [:forked]).to eq releases
        expect(log.index(:forked)).to be log.index(%i[released old parent]) - 1
      end
    end

    it "that #{way} has made: what is made there is released there, whatever the policy" do
      log = in_child do |events|
        fork_for.call(lambda {
          events.sign(:fork)
          @new = discarding.new(events.raw(:new))
          out_of_reach { discarding.new(events.raw(:dead)) }
          full_gc
        })
      end
      expect(log).to eq [%i[released dead fork], %i[released new fork]]
    end
  end

  # A struct whose class method is the destructor, and says the policy if there is one.
  struct_type = lambda do |policy = nil|
    Class.new(SafePointer::ManagedStruct) do
      fork_policy(policy) if policy
      layout :x, :int
      def self.release(raw) = Oracle.free(raw)
    end
  end

  # Where the policy of a pointer may come from => what makes one.
  sources = {
    "its class" => ->(raw) { Class.new(Handle) { fork_policy :discard }.new(raw) },
    "its class, said after it was made" => lambda { |raw|
      type = Class.new(Handle)
      type.new(raw).tap { type.fork_policy :discard }
    },
    "a superclass" => ->(raw) { Class.new(Class.new(Handle) { fork_policy :discard }).new(raw) },
    "a keyword" => ->(raw) { Handle.new(raw, fork_policy: :discard) },
    "a keyword, against its class" =>
      ->(raw) { Class.new(Handle) { fork_policy :release }.new(raw, fork_policy: :discard) },
    "SafePointer" => ->(raw) { SafePointer.fork_policy(:discard) && Handle.new(raw) },
    "its struct class" => ->(raw) { struct_type.call(:discard).new(raw) },
    "a keyword to a struct" => ->(raw) { struct_type.call.new(raw, fork_policy: :discard) },
    "a keyword to the releaser of an owner" => lambda { |raw|
      Object.new.tap { |owner| SafePointer::Releaser.attach(owner, raw, Oracle.method(:free), fork_policy: :discard) }
    }
  }

  sources.each do |source, make|
    it "are left alone by exit there when the policy comes from #{source}" do
      log = in_child do |events|
        events.sign(:parent)
        @old = make.call(events.raw(:old))
        in_fork_of(events) { full_gc }
      end
      expect(log).to eq [%i[released old parent]]
    end

    it "are left alone by GC there when the policy comes from #{source}" do
      log = in_child do |events|
        events.sign(:parent)
        olds = []
        out_of_reach { olds << make.call(events.raw(:old)) }
        in_fork_of(events) do
          olds.clear
          full_gc
          events << :collected
        end
        events << olds.size
      end
      expect(log).to eq [:collected, 1, %i[released old parent]]
    end
  end

  {
    "a class, against SafePointer" => ->(raw) { Class.new(Handle) { fork_policy :release }.new(raw) },
    "a keyword, against SafePointer" => ->(raw) { Handle.new(raw, fork_policy: :release) },
    "a struct class, against SafePointer" => ->(raw) { struct_type.call(:release).new(raw) }
  }.each do |source, make|
    it "are released there when the policy :release comes from #{source}" do
      log = in_child do |events|
        events.sign(:parent)
        SafePointer.fork_policy :discard
        @old = make.call(events.raw(:old))
        in_fork_of(events) { nil }
      end
      expect(log).to eq [%i[released old fork], %i[released old parent]]
    end
  end

  it "are left alone there when FFI::AutoPointer, replaced, says so" do
    child = run_ruby(<<~RUBY)
      require "safe_pointer/auto_pointer"
      class Plain < FFI::AutoPointer
        def self.release(raw) = Oracle.free(raw)
      end
      class Record < FFI::ManagedStruct
        layout :x, :int
        def self.release(raw) = Oracle.free(raw)
      end
      FFI::AutoPointer.fork_policy :discard
      events.sign(:parent)
      $pointers = [Plain.new(events.raw(:plain)), Record.new(events.raw(:struct)), Handle.new(events.raw(:handle))]
      Process.wait(fork { events.sign(:fork) })
      events << :forked
    RUBY
    expect(child).to be_quiet
    expect(child.events.take(2)).to eq [%i[released handle fork], :forked]
    expect(child.events.drop(2)).to match_array(%i[plain struct handle].map { |name| [:released, name, :parent] })
  end

  # What asks for the release in the fork, for a pointer whose policy is :discard.
  {
    "free" => ->(pointer) { pointer.free },
    "the class's release, called by hand" => ->(pointer) { pointer.class.release(pointer) },
    "the releaser's free" => ->(pointer) { pointer.instance_variable_get(:@releaser).free }
  }.each do |what, ask|
    it "are released there, once, by #{what}, even if the policy is :discard" do
      log = in_child do |events|
        events.sign(:parent)
        @old = discarding.new(events.raw(:old))
        in_fork_of(events) do
          2.times { ask.call(@old) }
          events << @old.freed?
        end
        events << @old.freed?
      end
      expect(log).to eq [%i[released old fork], true, false, %i[released old parent]]
    end
  end

  # What is done by a process that signs as :parent, and the log of it.
  {
    "are released there by a free of the class's own, even if the policy is :discard" => [
      lambda { |events|
        type = Class.new(discarding) do
          define_method(:free) do
            events << :own_free
            super()
          end
        end
        @old = type.new(events.raw(:old))
        in_fork_of(events) { 2.times { @old.free } }
      },
      [:own_free, %i[released old fork], %i[released old parent]]
    ],
    "stay freed if they were freed before the fork" => [
      lambda { |events|
        @old = Handle.new(events.raw(:old))
        @old.free
        in_fork_of(events) { events << [@old.free, @old.freed?, @old.null?] }
      },
      [%i[released old parent], [nil, true, true]]
    ],
    "are each left to the process that made them, however deep the forks go" => [
      lambda { |events|
        @first = discarding.new(events.raw(:first))
        in_fork_of(events) do
          @second = discarding.new(events.raw(:second))
          in_fork_of(events, :fork_of_fork) { @third = discarding.new(events.raw(:third)) }
        end
      },
      [%i[released third fork_of_fork], %i[released second fork], %i[released first parent]]
    ],
    "are left alone in each of many forks of one process" => [
      lambda { |events|
        @old = Array.new(3) { discarding.new(events.raw(:old)) }
        8.times do |i|
          in_fork_of(events, :"fork_#{i}") { @new = discarding.new(events.raw(:new)) }
        end
      },
      [*Array.new(8) { |i| [:released, :new, :"fork_#{i}"] }, *[%i[released old parent]] * 3]
    ],
    "are released as ever when the fork fails" => [
      lambda { |events|
        @old = discarding.new(events.raw(:old))
        Process.singleton_class.prepend(Module.new { def _fork = raise(Errno::EAGAIN) })
        events << (fork rescue $!.class)
      },
      [Errno::EAGAIN, %i[released old parent]]
    ]
  }.each do |what, (steps, expected)|
    it what do
      log = in_child do |events|
        events.sign(:parent)
        instance_exec(events, &steps)
      end
      expect(log).to eq expected
    end
  end

  it "are each released by every process that has them, however deep the forks go, under :release" do
    log = in_child do |events|
      events.sign(:parent)
      @first = Handle.new(events.raw(:first))
      in_fork_of(events) do
        @second = Handle.new(events.raw(:second))
        in_fork_of(events, :fork_of_fork) { nil }
      end
    end
    expect(log[0, 2]).to contain_exactly(%i[released first fork_of_fork], %i[released second fork_of_fork])
    expect(log[2, 2]).to contain_exactly(%i[released first fork], %i[released second fork])
    expect(log.drop(4)).to eq [%i[released first parent]]
  end

  it "are not released at all by exit!, there or here" do
    child = fork_child do |events|
      @old = Handle.new(events.raw(:old))
      Process.wait(fork { exit! })
      events << :forked
      exit!(0)
    end
    expect(child).to have_attributes(quiet?: true, events: [:forked])
  end
end
