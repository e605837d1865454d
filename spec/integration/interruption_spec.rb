# frozen_string_literal: true

require "monitor"
require "timeout"

# Code that Ruby runs between two instructions of a thread, whatever the thread is doing: trap handlers and finalizers.
# It may find the pointer, or a lock that its release needs, in the hands of the very thread it interrupts.
RSpec.describe "in the midst of a thread's work," do
  # Has the main thread interrupted by `handler`, here and now.
  def interrupted_by(&handler)
    done = false
    Signal.trap(:USR1) do
      handler.call
      done = true
    end
    Process.kill(:USR1, Process.pid)
    wait_until { done }
  ensure
    Signal.trap(:USR1, "DEFAULT")
  end

  describe "a trap handler" do
    it "frees a pointer that the interrupted code has a lease on: when that ends" do
      log = in_child do |events|
        pointer = Handle.new(events.raw)
        pointer.use do |raw|
          raw.write_int(42)
          interrupted_by { events << [pointer.free, pointer.free, pointer.freed?] }
          events << [pointer.freed?, raw.read_int]
        end
        events << [pointer.free, pointer.freed?]
      end
      expect(log).to eq [[nil, nil, false], [false, 42], :released, [nil, true]]
    end

    it "frees by a free of the class's own, with its arguments, what the interrupted code has a lease on" do
      log = in_child do |events|
        type = Class.new(Handle) do
          define_method(:free) do |reason|
            events << reason
            super()
          end
        end
        pointer = type.new(events.raw)
        pointer.use { interrupted_by { events << pointer.free(:signal) } }
        events << pointer.freed?
      end
      expect(log).to eq [nil, :signal, :released, true]
    end

    it "nests a lease in that of the interrupted code" do
      log = in_child do |events|
        pointer = Handle.new(events.raw)
        pointer.use do
          pointer.free
          interrupted_by { pointer.use { |raw| events << raw.read_int } }
          events << pointer.freed?
        end
      end
      expect(log).to eq [0, false, :released]
    end

    it "frees a parent whose child the interrupted code releases: after that" do
      log = in_child do |events|
        top = Handle.new(events.raw(:top))
        bottom = SafePointer.new(events.raw(:bottom), lambda { |raw|
          interrupted_by { events << [top.free, bottom.free, top.freed?] }
          Oracle.free(raw)
        }, parent: top)
        bottom.free
        events << top.freed?
      end
      expect(log).to eq [[nil, nil, false], %i[released bottom], %i[released top], true]
    end

    it "makes, uses and frees pointers of its own" do
      log = in_child do |events|
        interrupted_by do
          pointer = Handle.new(events.raw)
          pointer.use { pointer.free }
          events << pointer.freed?
        end
      end
      expect(log).to eq [:released, true]
    end

    it "collects, and the release of what it finds runs there" do
      log = in_child do |events|
        out_of_reach { Handle.new(events.raw) }
        interrupted_by do
          full_gc
          events << :trapped
        end
      end
      expect(log).to eq %i[released trapped]
    end

    # Ruby allows no handler to lock a Mutex.
    it "gets the ThreadError of a release that locks a Mutex, and the pointer counts as freed" do
      log = in_child do |events|
        lock = Mutex.new
        pointer = SafePointer.new(events.raw, ->(raw) { lock.synchronize { Oracle.free(raw) } })
        interrupted_by do
          pointer.free
        rescue ThreadError => e
          events << e.class
        end
        events << [pointer.free, pointer.freed?]
      end
      expect(log).to eq [ThreadError, [nil, true]]
    end

    it "exits, while the interrupted code has a lease: the pointer is released once" do
      child = run_ruby(<<~RUBY)
        $handle = Handle.new(events.raw)
        trap(:TERM) do
          $handle.free
          exit 3
        end
        $handle.use do
          Process.kill(:TERM, $$)
          Thread.stop
        end
      RUBY
      expect(child).to have_attributes(exitstatus: 3, stderr: "", events: [:released])
    end
  end

  describe "a finalizer" do
    # Pointers whose release needs the lock, dead and not yet collected.
    def dead_pointers(events, lock, count)
      release = lambda { |raw|
        events << :entered
        lock.synchronize { Oracle.free(raw) }
      }
      out_of_reach { count.times { SafePointer.new(events.raw, release) } }
    end

    it "cannot lock a Mutex that the interrupted thread has: that is reported, and nothing hangs or comes out" do
      log = in_child do |events|
        SafePointer.on_release_error { |error, info| events << [error.class, info[:trigger]] }
        lock = Mutex.new
        dead_pointers(events, lock, 2)
        lock.synchronize do
          GCLevel.collect
          events << lock.owned?
        end
        events << :end
      end
      expect(log).to eq [*[:entered, [ThreadError, :gc]] * 2, true, :end]
    end

    it "can lock a Monitor that the interrupted thread has" do
      log = in_child do |events|
        lock = Monitor.new
        dead_pointers(events, lock, 2)
        lock.synchronize do
          GCLevel.collect
          events << lock.mon_owned?
        end
      end
      expect(log).to eq [*%i[entered released] * 2, true]
    end

    it "does not keep free from being called under the same Mutex" do
      log = in_child do |events|
        SafePointer.on_release_error { |error, info| events << [error.class, info[:trigger]] }
        lock = Mutex.new
        dead_pointers(events, lock, 1)
        pointer = events.pointer(:freed)
        lock.synchronize do
          GCLevel.collect
          pointer.free
        end
        events << pointer.freed?
      end
      expect(log).to eq [:entered, [ThreadError, :gc], %i[released freed], true]
    end

    it "and threads that collect under one Mutex do not lock each other out: each release runs, or is reported" do
      log = in_child do |events|
        SafePointer.on_release_error { |error, _| events << [:refused, error.class] }
        lock = Mutex.new
        made = 40
        release = lambda { |raw|
          lock.synchronize { Oracle.free(raw) }
        }
        threads = Array.new(4) do
          Thread.new do
            (made / 4).times do
              SafePointer.new(events.raw, release)
              lock.synchronize { GC.start }
            end
          end
        end
        threads.each(&:join)
        full_gc
      end
      expect(log.size).to be 40
      expect(log.uniq - [:released, [:refused, ThreadError]]).to eq []
    end

    it "frees a pointer that the interrupted code has a lease on: when that ends" do
      log = in_child do |events|
        pointer = Handle.new(events.raw(:used))
        release = lambda { |raw|
          events << [pointer.free, pointer.freed?]
          Oracle.free(raw)
        }
        out_of_reach { SafePointer.new(events.raw(:dead), release) }
        pointer.use do |raw|
          full_gc
          events << raw.read_int
        end
      end
      expect(log).to eq [[nil, false], %i[released dead], 0, %i[released used]]
    end
  end

  # An interrupt can come whenever a method returns.
  describe "the end of a thread" do
    {
      "the pointer is shown for an error" => ->(type) { type.define_method(:inspect) { Thread.exit } },
      "the error is made" => ->(_) { SafePointer::ReleasedError.define_method(:initialize) { |*| Thread.exit } }
    }.each do |what, interrupt|
      it "is not lost while #{what}" do
        log = in_child do |events|
          type = Class.new(Handle)
          pointer = type.new(events.raw)
          pointer.free
          interrupt.call(type)
          thread = Thread.new do
            pointer.use { nil }
          rescue SafePointer::ReleasedError
            events << :lost
          end
          thread.join
          events << thread.status
        end
        expect(log).to eq [:released, false]
      end
    end
  end

  # Ruby spares its finalizers this, too (its bug 13876).
  describe "a release that GC asks for" do
    slow = Class.new(Handle) do
      def self.release(raw)
        sleep 0.0002
        super
      end
    end

    {
      "the end of the thread" => [:kill.to_proc, false],
      "an error of another thread's" => [->(thread) { thread.raise(Timeout::Error, "late") }, nil]
    }.to_a.product([20, 100]).each do |(what, (interrupt, status)), count|
      it "is not interrupted by #{what}, which comes when it is over, among #{count}" do
        log = in_child do |events|
          failed = SafePointer.stats[:errors]
          10.times do
            thread = Thread.new do
              Thread.current.report_on_exception = false
              loop do
                count.times { slow.new(Oracle.create) }
                GC.start
              end
            end
            sleep 0.02
            interrupt.call(thread)
            wait_until { !thread.alive? }
            events << thread.status
          end
          events << (SafePointer.stats[:errors] - failed)
        end
        expect(log - [:released]).to eq [*[status] * 10, 0]
      end
    end
  end
end
