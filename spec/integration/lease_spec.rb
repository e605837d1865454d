# frozen_string_literal: true

require_relative "../support/lessees"

# Leases of several threads, of calls of C functions, and at the end of the process. Whose a lease is, and what becomes
# of one whose owner never comes back: lease_owner_spec.rb.
RSpec.describe "a lease" do
  include Lessees

  describe "of another thread" do
    it "keeps the release off, which then runs on that thread" do
      log = in_child do |events|
        releasing = nil
        pointer = SafePointer.new(events.raw, lambda { |raw|
          releasing = Thread.current
          Oracle.free(raw)
        })
        other = lessee(pointer, events, :over)
        events << pointer.free << [pointer.freed?, pointer.null?]
        go_on(other)
        events << [pointer.freed?, pointer.null?, releasing.equal?(other.first)]
      end
      expect(log).to eq [nil, [false, false], :over, :released, [true, true, true]]
    end

    it "keeps it off with others, until the last one ends" do
      log = in_child do |events|
        pointer = events.pointer
        others = Array.new(8) { |i| lessee(pointer, events, i) }
        pointer.free
        others.shuffle(random: Random.new(1)).each { |other| go_on(other) }
        events << pointer.freed?
      end
      expect(log).to match [*Array.new(8) { be_an(Integer) }, :released, true]
    end

    it "is ended by its thread although many threads free meanwhile" do
      log = in_child do |events|
        pointer = events.pointer
        other = lessee(pointer, events, :over)
        events << Array.new(8) { Thread.new { pointer.free } }.map(&:value)
        go_on(other)
        events << pointer.freed?
      end
      expect(log).to eq [[nil] * 8, :over, :released, true]
    end

    it "has the free of the class's own run on that thread" do
      log = in_child do |events|
        running = nil
        type = Class.new(Handle) do
          define_method(:free) do |mode|
            running = Thread.current
            events << mode
            super()
          end
        end
        pointer = type.new(events.raw)
        other = lessee(pointer)
        events << pointer.free(:now)
        go_on(other)
        events << running.equal?(other.first)
      end
      expect(log).to eq [nil, :now, :released, true]
    end

    it "raises nothing there when the release fails, and leaves that thread's value as it is" do
      log = in_child do |events|
        SafePointer.on_release_error { |error, info| events << [error.message, info[:trigger]] }
        pointer = SafePointer.new(events.raw, ->(_) { raise IOError, "busy" })
        other, queue = lessee(pointer)
        pointer.free
        queue << true
        events << other.value.nil? << pointer.freed?
      end
      expect(log).to eq [["busy", :lease], true, true]
    end
  end

  # The oracle's handle has a second reference here, and the call is what gives it back.
  it "is a C function's for as long as it is in a blocking call" do
    log = in_child do |events|
      raw = events.raw
      Oracle.reference(raw)
      pointer = Handle.new(raw)
      Oracle.close_gate
      thread = Thread.new do
        pointer.use { |leased| Oracle.free_at_gate(leased) || events << :call_returned }
        events << :lease_over
      end
      wait_until { Oracle.waiting == 1 }
      events << pointer.free << [pointer.freed?, pointer.null?] << (pointer.use { nil } rescue $!.class)
      Oracle.open_gate
      thread.join
      events << [pointer.freed?, pointer.null?]
    end
    expect(log).to eq [
      :at_gate, nil, [false, false], SafePointer::ReleasedError, :released, :call_returned, :released, :lease_over,
      [true, true]
    ]
  end

  # A released block of the oracle is filled with 0xdd, one that is alive with zeros.
  it "is of memory that is alive, whatever other threads do" do
    log = in_child do |events|
      live = Oracle.live
      rounds = GCLevel::CURRENT == "stress" ? 4 : 100
      rounds.times do
        pointer = Handle.new(Oracle.create)
        start = Queue.new
        bytes = Queue.new
        users = Array.new(3) do
          Thread.new do
            start.pop
            pointer.use do |raw|
              Thread.pass
              bytes << raw.read_uchar
            end
          rescue SafePointer::ReleasedError
            nil
          end
        end
        freer = Thread.new { start.pop || pointer.free }
        start.close
        [*users, freer].each(&:join)
        events << :dead_memory unless Array.new(bytes.size) { bytes.pop }.all?(0)
        events << :not_freed unless pointer.freed?
      end
      events << (Oracle.live - live)
    end
    expect(log.uniq).to eq [:released, 0]
  end

  it "keeps the pointer from GC" do
    log = in_child do |events|
      pair = Queue.new
      thread = Thread.new { Handle.new(events.raw).use { |raw| pair << true && Thread.stop || events << raw.read_int } }
      pair.pop
      full_gc
      events << :collected
      wait_until { thread.stop? }
      thread.run
      thread.join
    end
    expect(log).to eq [:collected, 0, :released]
  end

  it "is not ended by a trap handler that frees" do
    log = in_child do |events|
      pointer = events.pointer
      trapped = false
      Signal.trap(:USR1) do
        events << [:trap, pointer.free]
        trapped = true
      end
      pointer.use do
        Process.kill(:USR1, Process.pid)
        wait_until { trapped }
        events << pointer.freed?
      end
      events << pointer.freed?
    end
    expect(log).to eq [[:trap, nil], false, :released, true]
  end

  describe "at the end of the process" do
    {"and a free waits" => ->(pointer) { pointer.free }, "and nobody asks" => ->(_) {}}.each do |which, ask|
      it "ends when its block calls exit, #{which}" do
        child = fork_child do |events|
          @alive_at_exit = Handle.new(events.raw)
          @alive_at_exit.use do
            ask.call(@alive_at_exit)
            exit(3)
          end
        end
        expect([child.events, child.exitstatus, child.stderr]).to eq [[:released], 3, ""]
      end

      it "ends when its thread is killed there, #{which}" do
        log = in_child do |events|
          @alive_at_exit = Handle.new(events.raw)
          lessee(@alive_at_exit)
          ask.call(@alive_at_exit)
          events << @alive_at_exit.freed?
        end
        expect(log).to eq [false, :released]
      end
    end

    # By then the main thread counts as dead, and runs the releases all the same.
    it "keeps a release off that is asked for in the release of another pointer" do
      log = in_child do |events|
        other = Handle.new(events.raw(:other))
        other.autorelease = false
        @alive_at_exit = SafePointer.new(events.raw(:first), lambda { |raw|
          other.use do |leased|
            other.free
            events << other.freed? << leased.read_int
          end
          Oracle.free(raw)
        })
      end
      expect(log).to eq [false, 0, [:released, :other], [:released, :first]]
    end
  end

  it "is of FFI::AutoPointer too, where that is replaced" do
    child = run_ruby(<<~RUBY)
      require "safe_pointer/auto_pointer"

      class Buffer < FFI::AutoPointer
        def self.release(raw) = Oracle.free(raw)

        def free(mode = nil)
          Events.current << mode
          super()
        end
      end

      buffer = Buffer.new(events.raw(:own_free))
      events << buffer.use { |raw| buffer.free(:now) || raw.read_int } << buffer.freed?

      plain = FFI::AutoPointer.new(events.raw(:plain), Oracle.method(:free))
      plain.use { events << plain.free << plain.freed? }
      events << plain.null? << (plain.use { nil } rescue $!.class)

      by_hand = Class.new(FFI::AutoPointer) { def self.release(raw) = Oracle.free(raw) }.new(events.raw(:by_hand))
      by_hand.use { |raw| by_hand.instance_variable_get(:@releaser).release(raw) || events << by_hand.freed? }
      events << by_hand.null?
    RUBY
    expect(child).to have_attributes(
      quiet?: true,
      events: [:now, [:released, :own_free], 0, true, nil, false, [:released, :plain], true,
               SafePointer::ReleasedError, false, [:released, :by_hand], true]
    )
  end
end
