# frozen_string_literal: true

# Each process signs what it releases, so the logs tell who released what.
RSpec.describe "pointers in a forked process" do
  let(:discarding) { Class.new(Handle) { fork_policy :discard } }

  # Each runs `work` in a fork, to the normal end of that, and waits for it.
  ways = {
    "fork" => lambda { |work|
      pid = fork
      next Process.wait(pid) if pid

      work.call
      exit
    },
    "fork with a block" => ->(work) { Process.wait(fork(&work)) },
    "Process.fork" => lambda { |work|
      pid = Process.fork
      next Process.wait(pid) if pid

      work.call
      exit
    },
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
    "its struct class" => lambda { |raw|
      Class.new(SafePointer::ManagedStruct) do
        fork_policy :discard
        layout :x, :int
        def self.release(raw) = Oracle.free(raw)
      end.new(raw)
    },
    "a keyword to a struct" => lambda { |raw|
      Class.new(SafePointer::ManagedStruct) do
        layout :x, :int
        def self.release(raw) = Oracle.free(raw)
      end.new(raw, fork_policy: :discard)
    },
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
    "a struct class, against SafePointer" => lambda { |raw|
      Class.new(SafePointer::ManagedStruct) do
        fork_policy :release
        layout :x, :int
        def self.release(raw) = Oracle.free(raw)
      end.new(raw)
    }
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

  it "are released there by a free of the class's own, even if the policy is :discard" do
    log = in_child do |events|
      events.sign(:parent)
      type = Class.new(discarding) do
        define_method(:free) do
          events << :own_free
          super()
        end
      end
      @old = type.new(events.raw(:old))
      in_fork_of(events) { 2.times { @old.free } }
    end
    expect(log).to eq [:own_free, %i[released old fork], %i[released old parent]]
  end

  it "stay freed if they were freed before the fork" do
    log = in_child do |events|
      events.sign(:parent)
      @old = Handle.new(events.raw(:old))
      @old.free
      in_fork_of(events) { events << [@old.free, @old.freed?, @old.null?] }
    end
    expect(log).to eq [%i[released old parent], [nil, true, true]]
  end

  it "are each left to the process that made them, however deep the forks go" do
    log = in_child do |events|
      events.sign(:parent)
      @first = discarding.new(events.raw(:first))
      in_fork_of(events) do
        @second = discarding.new(events.raw(:second))
        in_fork_of(events, :fork_of_fork) { @third = discarding.new(events.raw(:third)) }
      end
    end
    expect(log).to eq [%i[released third fork_of_fork], %i[released second fork], %i[released first parent]]
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

  it "are left alone in each of many forks of one process" do
    log = in_child do |events|
      events.sign(:parent)
      @old = Array.new(3) { discarding.new(events.raw(:old)) }
      8.times do |i|
        in_fork_of(events, :"fork_#{i}") { @new = discarding.new(events.raw(:new)) }
      end
    end
    expect(log).to eq [*Array.new(8) { |i| [:released, :new, :"fork_#{i}"] }, *[%i[released old parent]] * 3]
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

  it "are released as ever when the fork fails" do
    log = in_child do |events|
      events.sign(:parent)
      @old = discarding.new(events.raw(:old))
      Process.singleton_class.prepend(Module.new { def _fork = raise(Errno::EAGAIN) })
      fork
    rescue Errno::EAGAIN
      events << :refused
    end
    expect(log).to eq [:refused, %i[released old parent]]
  end

  describe "of a family" do
    it "are released there children first, under :release" do
      log = in_child do |events|
        events.sign(:parent)
        @pointers = [Handle.new(events.raw(:top))]
        %i[middle bottom].each { |name| @pointers << Handle.new(events.raw(name), parent: @pointers.last) }
        in_fork_of(events) { nil }
      end
      expect(log).to eq(%i[fork parent].flat_map { |who| %i[bottom middle top].map { |name| [:released, name, who] } })
    end

    it "are all left alone there, under :discard" do
      log = in_child do |events|
        events.sign(:parent)
        @top = discarding.new(events.raw(:top))
        @bottom = discarding.new(events.raw(:bottom), parent: @top)
        in_fork_of(events) { nil }
      end
      expect(log).to eq [%i[released bottom parent], %i[released top parent]]
    end

    it "are waited for where the fork releases the parent by hand" do
      log = in_child do |events|
        events.sign(:parent)
        @top = discarding.new(events.raw(:top))
        @bottom = discarding.new(events.raw(:bottom), parent: @top)
        in_fork_of(events) do
          @top.free
          events << @top.freed?
          @bottom.free
        end
      end
      expect(log).to eq [
        false, %i[released bottom fork], %i[released top fork], %i[released bottom parent], %i[released top parent]
      ]
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
      expect(log).to eq [%i[released top fork], true, 1, %i[released bottom parent], %i[released top parent]]
    end

    it "do not keep a parent with :release from being released at exit there" do
      log = in_child do |events|
        events.sign(:parent)
        @top = Handle.new(events.raw(:top))
        @bottom = discarding.new(events.raw(:bottom), parent: @top)
        in_fork_of(events) { nil }
      end
      expect(log).to eq [%i[released top fork], %i[released bottom parent], %i[released top parent]]
    end
  end
end
