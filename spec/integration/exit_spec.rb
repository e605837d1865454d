# frozen_string_literal: true

require "open3"

# In a fresh interpreter each: how a process ends, and what is released by then. Families: exit_family_spec.rb. Before
# that, handlers: exit_handlers_spec.rb. Threads: exit_threads_spec.rb.
RSpec.describe "the end of the process" do
  ends = {
    "runs out of code" => ["", 0, ""],
    "calls exit" => ["exit", 0, ""],
    "calls exit with a status" => ["exit 3", 3, ""],
    "calls abort" => ["abort 'told to'", 1, /told to/],
    "raises" => ["raise 'unhandled'", 1, /unhandled/],
    "raises in a thread with abort_on_exception" => [
      "Thread.abort_on_exception = true; Thread.report_on_exception = false; " \
      "Thread.new { raise 'unhandled' }.join; Thread.stop", 1, /unhandled/
    ],
    "exits in a thread" => ["Thread.new { exit 4 }.join; Thread.stop", 4, ""],
    "exits in an at_exit handler" => ["at_exit { exit 5 }", 5, ""]
  }

  ends.each do |how, (code, exitstatus, stderr)|
    it "releases once what is alive when it #{how}" do
      child = run_ruby(<<~RUBY)
        $handle = Handle.new(events.raw(:global))
        CONSTANT = Handle.new(events.raw(:constant))
        $freed = Handle.new(events.raw(:freed))
        $freed.free
        #{code}
      RUBY
      expect(child).to have_attributes(exitstatus: exitstatus, stderr: match(stderr))
      expect(child.events.first).to eq [:released, :freed]
      expect(child.events.drop(1)).to contain_exactly([:released, :global], [:released, :constant])
    end
  end

  # What a program does, and the log of it. It ends quietly.
  {
    "does not run a free of one's own, only the release" => [
      <<~RUBY,
        class OwnFree < Handle
          def free
            Events.current << :own_free
            super
          end
        end
        $never_called = OwnFree.new(events.raw(:never_called))
        $called = OwnFree.new(events.raw(:called))
        $called.free
        events << :end
      RUBY
      [:own_free, [:released, :called], :end, [:released, :never_called]]
    ],
    "releases many, each once" => [
      <<~RUBY,
        $handles = Array.new(1_000) { Handle.new(events.raw) }
        $handles.each_slice(2) { |handle, _| handle.free }
        events << :end
      RUBY
      [*[:released] * 500, :end, *[:released] * 500]
    ],
    "does not retry a release another thread has not finished" => [
      <<~RUBY,
        entered = Queue.new
        $handle = SafePointer.new(events.raw, lambda { |_|
          events << :entered
          entered << true
          Thread.stop
        })
        Thread.new { $handle.free }
        entered.pop
        events << :end
      RUBY
      [:entered, :end]
    ],
    "leaves a pointer NULL, for the releases that come after" => [
      <<~RUBY,
        watch = lambda do |other|
          lambda do |raw|
            pointer = other.call
            events << [pointer.freed?, pointer.null?]
            Oracle.free(raw)
          end
        end
        $one = SafePointer.new(events.raw, watch.call(-> { $other }))
        $other = SafePointer.new(events.raw, watch.call(-> { $one }))
      RUBY
      [[false, false], :released, [true, true], :released]
    ],
    "releases what a fiber that never goes on has a lease on" => [
      <<~RUBY,
        $handles = Array.new(2) { Handle.new(events.raw) }
        $fibers = $handles.map { |handle| Fiber.new { handle.use { Fiber.yield } }.tap(&:resume) }
        $handles.first.free
        events << $handles.map(&:freed?)
      RUBY
      [[false, false], :released, :released]
    ]
  }.each do |what, (source, expected)|
    # Without room, what Ruby calls has no way to the pointer.
    it what, room: what.start_with?("leaves a pointer NULL") do
      expect(run_ruby(source)).to have_attributes(quiet?: true, events: expected)
    end
  end

  it "lets a release at exit free other pointers, once each" do
    child = run_ruby(<<~RUBY)
      $inner = Handle.new(events.raw(:inner))
      $outer = SafePointer.new(events.raw(:outer), lambda { |raw|
        $inner.free
        Oracle.free(raw)
      })
      events << :end
    RUBY
    expect(child).to be_quiet
    expect(child.events.first).to be :end
    expect(child.events.drop(1)).to contain_exactly([:released, :inner], [:released, :outer])
  end

  it "releases what is left in the midst of a lease, as with exit in it" do
    child = run_ruby(<<~RUBY)
      $handle = Handle.new(events.raw)
      $handle.use do
        $handle.free
        events << $handle.freed?
        exit 3
      end
    RUBY
    expect(child).to have_attributes(exitstatus: 3, stderr: "", events: [false, :released])
  end

  it "releases the others where the report of an error fails" do
    child = run_ruby(<<~RUBY)
      def Warning.warn(*) = raise(IOError, "closed")
      $handles = %i[first second third].map do |name|
        SafePointer.new(events.raw(name)) do |raw|
          Oracle.free(raw)
          raise IOError, "busy"
        end
      end
    RUBY
    expect(child.events).to contain_exactly(%i[released first], %i[released second], %i[released third])
  end

  endings = {
    "raises" => "raise 'refused'",
    "raises an Exception" => "raise NotImplementedError",
    "exits" => "exit 9",
    "aborts" => "abort",
    "interrupts" => "raise Interrupt",
    "throws" => "throw :nowhere",
    "kills its thread" => "Thread.current.kill",
    "starts a thread" => "Thread.new { nil }.join",
    "has the wrong arity" => "->(_, _) {}.call(raw)",
    "recurses without end" => "$endless = -> { $endless.call }; $endless.call",
    "takes too much memory" => "raise NoMemoryError"
  }

  endings.each do |what, ending|
    it "carries out all other releases when each second one #{what}, and keeps its status" do
      child = run_ruby(<<~RUBY)
        $VERBOSE = nil
        SafePointer.on_release_error { |_, info| events << info[:trigger] }
        $handles = Array.new(8) do |i|
          next Handle.new(events.raw(:good)) if i.even?

          SafePointer.new(events.raw, lambda { |raw|
            events << :entered
            #{ending}
          })
        end
        exit 5
      RUBY
      expect(child).to have_attributes(exitstatus: 5, stdout: "")
      expect(child.events.count(:entered)).to be 4
      expect(child.events.count([:released, :good])).to be 4
      expect(child.events - [:entered, [:released, :good]]).to all be(:exit)
    end
  end

  ["exit!", "Process.kill(:KILL, $$)", "Process.exit!(0)", "exec 'true'"].each do |ending|
    it "releases nothing with #{ending}: Ruby runs no finalizers then" do
      child = run_ruby(<<~RUBY)
        $handle = Handle.new(events.raw)
        events << :end
        #{ending}
      RUBY
      expect(child).to have_attributes(events: [:end], stderr: "")
    end
  end

  %i[release discard].each do |policy|
    it "is that of the daemon, after Process.daemon, which releases once, with fork_policy :#{policy}" do
      child = run_ruby(<<~RUBY)
        $handles = [Handle.new(events.raw(:kept), fork_policy: :#{policy}), Handle.new(events.raw(:freed))]
        dead = [Handle.new(events.raw(:dead), fork_policy: :#{policy}).address]
        Process.daemon(true, true)
        events << :daemon
        $handles.last.free
        full_gc
        events << :end
      RUBY
      expect(child).to be_quiet
      expect(child.events - [[:released, :dead]]).to eq [:daemon, [:released, :freed], :end, [:released, :kept]]
      expect(child.events.count([:released, :dead])).to be 1
    end
  end

  # Ruby counts the main thread as dead then, until an exception has come out of a sleep.
  {
    "a finalizer" => "ObjectSpace.define_finalizer($object = Object.new, proc { interrupted_sleep })",
    "a release" => "$other = SafePointer.new(events.raw(:other)) { |raw| Oracle.free(raw); interrupted_sleep }"
  }.each do |what, sleeper|
    it "releases all others, in their queue or none, after #{what} was woken from a sleep by an error" do
      child = run_ruby(<<~RUBY)
        trap(:USR1) { raise IOError }
        def interrupted_sleep
          system("(sleep 0.2; kill -USR1 \#{Process.pid}) &")
          sleep
        rescue IOError
          Events.current << :woken
        end
        queue = SafePointer::ReleaseQueue.new
        $handles = [Handle.new(events.raw(:plain)), Handle.new(events.raw(:queued), release_queue: queue)]
        #{sleeper}
        GC.start
      RUBY
      expect(child).to be_quiet
      expect(child.events).to include(:woken, %i[released plain], %i[released queued])
      expect(child.events - [%i[released other]]).to have_attributes(size: 3)
    end
  end

  it "ends, and releases, where the library is loaded by a finalizer in it" do
    libraries = [*$LOAD_PATH, File.expand_path("../../lib", __dir__)].map { |path| "-I#{path}" }
    program = <<~RUBY
      ObjectSpace.define_finalizer($object = Object.new, proc do
        require "safe_pointer"
        $pointer = SafePointer.new(FFI::Pointer.new(16)) { |raw| $stdout.syswrite("released \#{raw.address}") }
      end)
    RUBY
    # With a limit, as a process without an end takes all the memory there is.
    output, status = Open3.capture2e(RbConfig.ruby, *libraries, "-e", program, rlimit_cpu: 20)
    expect([output, status.success?]).to eq ["released 16", true]
  end
end
