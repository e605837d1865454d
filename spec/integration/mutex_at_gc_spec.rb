# frozen_string_literal: true

require_relative "../support/endings"

# Ruby lets no Mutex be locked where it calls finalizers after a collection that has begun by itself, nor one anywhere
# that the thread has already.
# Under stress only minor collections begin by themselves, and what has grown old meanwhile is not found.
RSpec.describe "a Mutex at GC", unless: GCLevel::CURRENT == "stress" do
  include Endings

  # Has GC find a pointer dead, and goes on until it is released. What `release` does comes after that.
  def left_to_gc(setup, release, held: false)
    run_ruby(<<~RUBY)
      LOCK = Mutex.new
      #{setup}
      RELEASE = lambda do |raw|
        Oracle.free(raw)
        $released = true
        #{release}
      end
      out_of_reach { SafePointer.new(Oracle.create, RELEASE) }
      #{held ? "LOCK.synchronize { GC.start until $released }" : "Object.new until $released"}
    RUBY
  end

  lock = "LOCK.synchronize { events << :locked }"
  refusal = /ThreadError: can't be called from trap context.*; with a release_queue it may lock a Mutex/
  what = {
    "in a release" => ["", lock, [/release of SafePointer .* at GC raised #{refusal}$/]],
    "in a subscriber" => ["SafePointer.subscribe { |event| #{lock} if event.trigger }", "",
                          [/a subscriber raised #{refusal}, and is told of more$/]]
  }

  what.each do |where, (setup, release, warnings)|
    it "cannot be locked #{where}, and the warning says what to do" do
      child = left_to_gc(setup, release)
      expect(child).to have_attributes(exitstatus: 0, events: [:released])
      expect(child.stderr.lines(chomp: true)).to match(warnings.map { |warning| a_string_matching(warning) })
    end

    it "can be locked #{where} with a release_queue" do
      queue = "SafePointer.release_queue SafePointer::ReleaseQueue.new(thread: true)\n"
      expect(left_to_gc(queue + setup, release)).to have_attributes(quiet?: true, events: %i[released locked])
    end
  end

  describe "in on_release_error" do
    it "can be locked" do
      child = left_to_gc("SafePointer.on_release_error { #{lock} }", "raise IOError")
      expect(child).to have_attributes(quiet?: true, events: %i[released locked])
    end

    it "can be locked by a Logger, which misses nothing" do
      child = run_ruby(<<~RUBY)
        require "logger"
        require "stringio"
        logged = StringIO.new
        logger = Logger.new(logged)
        SafePointer.on_release_error { |error, info| logger.error("\#{info[:trigger]}: \#{error.message}") }
        release = ->(raw) { Oracle.free(raw) || raise("cannot") }
        out_of_reach { 20.times { SafePointer.new(Oracle.create, release) } }
        Object.new until Oracle.live.zero?
        Thread.pass until logged.string.scan("gc: cannot").size == 20
      RUBY
      expect(child).to have_attributes(quiet?: true, events: [:released] * 20)
    end

    # Nobody can have it locked before the program goes on.
    it "is locked later if what GC interrupts has it, and the program goes on meanwhile" do
      child = run_ruby(<<~RUBY)
        SafePointer.on_release_error { |_, info| LOCK.synchronize { events << info[:trigger] } }
        LOCK = Mutex.new
        LOCK.synchronize do
          out_of_reach { 3.times { SafePointer.new(Oracle.create, ->(raw) { Oracle.free(raw) || raise("cannot") }) } }
          Object.new until Oracle.live.zero?
          events << :unlocked
        end
      RUBY
      expect(child).to have_attributes(quiet?: true, events: [*[:released] * 3, :unlocked, *[:gc] * 3])
    end

    it "is one of the thread that the handler is called on, in a finalizer of that thread's, too" do
      child = run_ruby(<<~RUBY)
        failing = ->(raw) { Oracle.free(raw) || raise("cannot") }
        SafePointer.on_release_error do |_, info|
          LOCK.synchronize do
            events << info[:trigger]
            next if $nested

            $nested = true
            out_of_reach { SafePointer.new(Oracle.create, failing) }
            Object.new until Oracle.live.zero?
          end
        end
        LOCK = Mutex.new
        out_of_reach { SafePointer.new(Oracle.create, failing) }
        Object.new until $nested && Oracle.live.zero?
      RUBY
      expect(child).to have_attributes(quiet?: true, events: %i[released gc released gc])
    end

    it "can be locked where a release fails that has waited for its child" do
      child = run_ruby(<<~RUBY)
        LOCK = Mutex.new
        SafePointer.on_release_error { |_, info| LOCK.synchronize { events << info[:trigger] } }
        PARENT = SafePointer.new(Oracle.create(:parent), ->(raw) { Oracle.free(raw) || raise("cannot") })
        CHILD = SafePointer.new(Oracle.create(:child), parent: PARENT) { |raw| Oracle.free(raw) }
        PARENT.free
        out_of_reach { SafePointer.new(Oracle.create) { |raw| Oracle.free(raw) || CHILD.free } }
        Object.new until Oracle.live.zero?
      RUBY
      expect(child).to have_attributes(quiet?: true, events: [:released, *released(:child, :parent), :child])
    end

    it "cannot be locked where there can be no thread, and the handler is called" do
      child = left_to_gc("SafePointer.on_release_error { events << :called }",
                         "ThreadGroup::Default.freeze && raise(IOError)")
      expect(child).to have_attributes(quiet?: true, events: %i[released called])
    end

    it "calls the handler once, whatever that returns" do
      child = left_to_gc("SafePointer.on_release_error { (events << :called) && BasicObject.new }", "raise IOError")
      expect(child).to have_attributes(quiet?: true, events: %i[released called])
    end

    it "calls the handler in one process only where the program forks while it waits" do
      child = run_ruby(<<~RUBY)
        LOCK = Mutex.new
        SafePointer.on_release_error { |error, _| LOCK.synchronize { events << error.message } }
        LOCK.synchronize do
          out_of_reach { 3.times { |i| SafePointer.new(Oracle.create, ->(raw) { Oracle.free(raw) || raise(i.to_s) }) } }
          Object.new until Oracle.live.zero?
          Process.wait(fork { nil })
        end
      RUBY
      expect(child).to have_attributes(quiet?: true)
      expect(child.events - [:released]).to match_array %w[0 1 2]
    end

    # As long as that takes there is a warning instead, and the process ends.
    it "may wait for ever" do
      child = run_ruby(<<~RUBY)
        LOCK = Mutex.new
        SafePointer.on_release_error { LOCK.synchronize { events << :called } }
        HOLDER = Thread.new { LOCK.synchronize { Thread.stop } }
        Thread.pass until LOCK.locked?
        out_of_reach { 1_020.times { SafePointer.new(FFI::Pointer.new(8), ->(_) { raise("cannot") }) } }
        # Not for all: a stale word on a stack may keep some.
        Object.new until SafePointer.stats[:errors] >= 1_010
      RUBY
      expect(child.exitstatus).to be 0
      # The thread that has the lock ends before the handlers that are left are called.
      warnings = child.stderr.lines.grep(/at GC raised RuntimeError: cannot/).size
      expect(warnings).to be_between(8, 20)
      expect(child.events.size + warnings).to be_between(1_018, 1_020)
    end

    it "can be locked in a forked process" do
      child = run_ruby(<<~RUBY)
        LOCK = Mutex.new
        SafePointer.on_release_error { LOCK.synchronize { events << :locked && $locked = true } }
        fail_one = lambda do
          $locked = false
          out_of_reach { SafePointer.new(Oracle.create, ->(raw) { Oracle.free(raw) || raise("cannot") }) }
          Object.new until $locked
        end
        fail_one.call
        Process.wait(fork { fail_one.call })
      RUBY
      expect(child).to have_attributes(quiet?: true, events: %i[released locked released locked])
    end
  end

  it "cannot be locked in a release if the thread has it, and the warning says what to do" do
    child = left_to_gc("", lock, held: true)
    expect(child).to have_attributes(exitstatus: 0, events: [:released])
    # Where a collection that begins by itself comes first, it is the other error.
    refused = /deadlock; recursive locking|can't be called from trap context/
    expect(child.stderr).to match(/raised ThreadError: (#{refused}) .*; with a release_queue it may lock a Mutex$/)
  end

  it "that cannot be locked when the program frees is an error like others" do
    mutex = Mutex.new
    pointer = SafePointer.new(Oracle.create, ->(raw) { Oracle.free(raw) || mutex.lock })
    expect { mutex.synchronize { pointer.free } }.to raise_error(ThreadError, "deadlock; recursive locking")
  end
end
