# frozen_string_literal: true

require_relative "../support/native_handle"
require_relative "../support/queues"

# A thread of the library's drains it.
RSpec.describe "a release queue with a thread of its own" do
  include Queues

  it "is drained by it, on which errors make no difference" do
    log = in_child do |events|
      SafePointer.on_release_error { |error, info| events << [error.class, info[:trigger]] }
      queue = SafePointer::ReleaseQueue.new(thread: true)
      threads = Thread::Queue.new
      2.times do
        release = lambda { |_|
          threads << Thread.current
          raise "no"
        }
        drop(->(_) { SafePointer.new(FFI::Pointer.new(64), release, release_queue: queue) }, events, nil)
        events << (threads.pop == Thread.main)
      end
      queue.close
    end
    expect(log - [false]).to eq [[RuntimeError, :queue]] * 2
    expect(log.count(false)).to be 2
  end

  it "does not keep the process alive, and empties at exit" do
    log = in_child do |events|
      @queue = queue = SafePointer::ReleaseQueue.new(thread: true)
      @kept = Class.new(NativeHandle) { release_queue queue }.new(events.raw)
      events << :end
    end
    expect(log).to eq %i[end released]
  end

  it "does not get in the way of a fork in a release at exit, when Ruby starts no thread" do
    child = run_ruby(<<~RUBY)
      QUEUE = SafePointer::ReleaseQueue.new(thread: true)
      kept = SafePointer.new(Oracle.create) do |raw|
        Process.wait(fork { events << :forked; exit! })
        Oracle.free(raw)
      end
    RUBY
    expect(child).to be_quiet, child.inspect
    expect(child.events).to eq %i[forked released]
  end

  it "drains in a fork, too" do
    log = in_child do |events|
      done = Thread::Queue.new
      queue = SafePointer::ReleaseQueue.new(thread: true)
      release = lambda { |raw|
        Oracle.free(raw)
        done << (Thread.current == Thread.main)
      }
      in_fork_of(events) do
        drop(->(raw) { SafePointer.new(raw, release, release_queue: queue) }, events, :there)
        events << done.pop
      end
      events.sign(:parent)
      drop(->(raw) { SafePointer.new(raw, release, release_queue: queue) }, events, :here)
      events << done.pop
    end
    expect(log).to eq [%i[released there fork], false, %i[released here parent], false]
  end

  it "has none any more when it is closed" do
    log = in_child do |events|
      before = Thread.list
      queue = SafePointer::ReleaseQueue.new(thread: true)
      worker = (Thread.list - before).first
      queue.close
      events << [worker.name, worker.join.equal?(worker), queue.closed?]
    end
    expect(log).to eq [["SafePointer::ReleaseQueue", true, true]]
  end

  it "gets another one when that has been killed" do
    log = in_child do |events|
      before = Thread.list
      queue = SafePointer::ReleaseQueue.new(thread: true)
      (Thread.list - before).first.kill.join
      done = Thread::Queue.new
      release = lambda { |raw|
        Oracle.free(raw)
        done << true
      }
      drop(->(raw) { SafePointer.new(raw, release, release_queue: queue) }, events, nil)
      events << done.pop
    end
    expect(log).to eq [:released, true]
  end

  {
    "" => ["", "safe_pointer: the thread of a release queue ended with SystemExit\n"],
    ", where warnings are errors" => ["def Warning.warn(*, **) = raise(IOError)", ""]
  }.each do |where, (before, said)|
    it "goes on with the next release after one that exits, and says so#{where}" do
      child = run_ruby(<<~RUBY)
        #{before}
        QUEUE = SafePointer::ReleaseQueue.new(thread: true)
        DONE = Thread::Queue.new
        EXITING = ->(raw) { [Oracle.free(raw), exit] }
        NEXT = ->(raw) { [Oracle.free(raw), DONE << true] }
        [EXITING, NEXT].each do |release|
          out_of_reach { SafePointer.new(Oracle.create, release, release_queue: QUEUE) }
          full_gc
        end
        events << DONE.pop
      RUBY
      expect(child).to have_attributes(events: [:released, :released, true], stderr: said)
    end
  end

  { "while the threads of others get their signals" => %i[call signal], "in its signal" => %i[c_return closed?] }
    .each do |moment, (event, name)|
      it "is done without where it is closed #{moment}" do
        log = in_child do |events|
          queues = Array.new(2) { SafePointer::ReleaseQueue.new(thread: true) }
          types = queues.map { |queue| Class.new(Handle) { release_queue queue } }
          signals = TracePoint.new(event) do |call|
            next unless call.method_id == name && Thread.current == Thread.main

            signals.disable
            queues.each(&:close)
          end
          out_of_reach { types.each { |type| type.new(events.raw) } }
          signals.enable { full_gc }
          Thread.pass while Oracle.live.positive?
        end
        expect(log).to eq %i[released released]
      end
    end

  describe "in a release," do
    # Runs a release that does this, and goes on when it is done.
    def released_after(work, before: "", after: "DONE.pop")
      run_ruby(<<~RUBY)
        require "timeout"
        #{before}
        QUEUE ||= SafePointer::ReleaseQueue.new(thread: true)
        DONE = Thread::Queue.new
        RELEASE = lambda do |raw|
          #{work}
          Oracle.free(raw)
          DONE << true
        end
        out_of_reach { SafePointer.new(Oracle.create, RELEASE, release_queue: QUEUE) }
        full_gc
        #{after}
        events << :end
      RUBY
    end

    # The mask of interrupts of a thread is that of the thread that starts it.
    {
      "a thread that has no end" => "Thread.new { Thread.stop }",
      "the first registry" => "$registry = SafePointer::FinalizationRegistry.new { nil }",
      "another queue with a thread" => "$queue = SafePointer::ReleaseQueue.new(thread: true)",
      "the first Timeout" => "Timeout.timeout(60) { nil }",
      "a process that forks here" => "Process.wait(fork { nil })",
      "a process that is ended by a signal" => "pid = fork { sleep }; Process.kill(:TERM, pid); Process.wait(pid)",
      "a process that goes on from here" => "if fork then Process.wait else DONE.clear end"
    }.each do |what, work|
      it "starts #{what}, and the process ends" do
        child = released_after(work)
        expect(child.status).to be_success, child.inspect
        expect(child.events.count(:end)).to be 1
        expect(child.events.count(:released)).to be(what.end_with?("goes on from here") ? 2 : 1)
      end
    end

    it "limits its time" do
      child = released_after(<<~RUBY)
        begin
          Timeout.timeout(0.01) { Thread.stop }
        rescue Timeout::Error => e
          events << e.class.name
        end
      RUBY
      expect(child).to have_attributes(quiet?: true, events: ["Timeout::Error", :released, :end])
    end

    it "ends with the process where the queue was made under a mask" do
      before = "QUEUE = Thread.handle_interrupt(Object => :never) { SafePointer::ReleaseQueue.new(thread: true) }"
      expect(released_after("nil", before: before)).to have_attributes(quiet?: true, events: %i[released end])
    end

    {
      "the program" => ["begin_release", ""],
      "the program, which has closed the queue" => ["begin_release; QUEUE.close", ""],
      "a block of at_exit" => ["", "begin_release"],
      "a block of at_exit, by another thread" => ["", "Thread.new { begin_release }.join"],
      "another block of at_exit, after it was waited for" => ["begin_release", "begin_release"]
    }.each do |where, (in_program, at_exit)|
      it "is waited for at the end of the process where it was begun in #{where}" do
        child = run_ruby(<<~RUBY)
          BEGUN = Thread::Queue.new
          SLOW = lambda do |raw|
            BEGUN << true
            sleep 0.05
            events << Thread.current.name
            Oracle.free(raw)
          end
          def begin_release
            out_of_reach { SafePointer.new(Oracle.create, SLOW, release_queue: QUEUE) }
            full_gc
            BEGUN.pop
            events << :begun
          end
          at_exit { #{at_exit} }
          QUEUE = SafePointer::ReleaseQueue.new(thread: true)
          #{in_program}
        RUBY
        begun = [in_program, at_exit].grep(/begin_release/).size
        expect(child).to have_attributes(quiet?: true,
                                         events: [:begun, "SafePointer::ReleaseQueue", :released] * begun)
      end
    end

    it "is waited for at the end of the process where it is begun while a later block of at_exit runs" do
      child = run_ruby(<<~RUBY)
        SLOW = lambda do |raw|
          BEGUN << true
          sleep 0.05
          Oracle.free(raw)
        end
        BEGUN = Thread::Queue.new
        # Runs after those of the library.
        at_exit { Thread.pass until BEGUN.size > 1 || QUEUE.empty? }
        QUEUE = SafePointer::ReleaseQueue.new(thread: true)
        out_of_reach { 3.times { SafePointer.new(Oracle.create, SLOW, release_queue: QUEUE) } }
        full_gc
        Thread.pass until BEGUN.size.positive?
      RUBY
      expect(child).to have_attributes(quiet?: true, events: [:released] * 3)
    end

    it "is waited for at the end of the process as are those of other queues" do
      child = run_ruby(<<~RUBY)
        BEGUN = Thread::Queue.new
        SLOW = lambda do |raw|
          sleep 0.03 * (BEGUN << true).size
          Oracle.free(raw)
        end
        QUEUES = Array.new(3) { SafePointer::ReleaseQueue.new(thread: true) }
        out_of_reach { QUEUES.each { |queue| SafePointer.new(Oracle.create, SLOW, release_queue: queue) } }
        full_gc
        Thread.pass until BEGUN.size == 3
        QUEUES.first.close
      RUBY
      expect(child).to have_attributes(quiet?: true, events: [:released] * 3)
    end

    it "is waited for where an interrupt ends the wait for that of another queue" do
      child = run_ruby(<<~RUBY)
        BEGUN = Thread::Queue.new
        GO_ON = Thread::Queue.new
        SLOW = lambda do |raw|
          BEGUN << true
          GO_ON.pop
          Oracle.free(raw)
        end
        QUEUES = Array.new(3) { SafePointer::ReleaseQueue.new(thread: true) }
        out_of_reach { QUEUES.each { |queue| SafePointer.new(Oracle.create, SLOW, release_queue: queue) } }
        full_gc
        Thread.pass until BEGUN.size == 3
        waits = -> { Thread.main.status == "sleep" && Thread.main.backtrace.any? { |line| line.include?("worker.rb") } }
        Thread.new do
          Thread.pass until waits.call
          Thread.main.raise(Interrupt)
          3.times { GO_ON << true }
        end
      RUBY
      # That of which the wait was ended may end or not.
      expect(child.events.size).to be_between(2, 3)
    end

    it "may close the queue: what waits there is released on that thread" do
      log = in_child do |events|
        queue = SafePointer::ReleaseQueue.new(thread: true)
        go_on = Thread::Queue.new
        closing = lambda { |raw|
          go_on.pop
          queue.close
          Oracle.free(raw)
        }
        drop(->(raw) { SafePointer.new(raw, closing, release_queue: queue) }, events, "closing")
        done = Thread::Queue.new
        waiting = ->(raw) { Oracle.free(raw) || done << true }
        3.times { drop(->(raw) { SafePointer.new(raw, waiting, release_queue: queue) }, events, "waiting") }
        go_on << true
        Thread.pass until done.size == 3
        events << :end
      end
      expect(log).to eq [%i[released closing], *[%i[released waiting]] * 3, :end]
    end

    it "is over when its thread is killed there, and another one goes on with the next" do
      log = in_child do |events|
        queue = SafePointer::ReleaseQueue.new(thread: true)
        threads = Thread::Queue.new
        release = lambda { |raw|
          threads << Thread.current
          Thread.stop if raw.read_int == 1
          Oracle.free(raw)
        }
        make = ->(stop) { ->(raw) { SafePointer.new(raw.write_int(stop), release, release_queue: queue) } }
        drop(make.call(1), events, "1")
        events << threads.pop.kill.join.status
        # The thread that waits may have the stack of the other one, whose stale words keep what they will.
        3.times { drop(make.call(0), events, "0") }
        events << threads.pop.alive?
        queue.close
      end
      expect(log).to contain_exactly(false, true, *[%i[released 0]] * 3)
    end
  end
end
