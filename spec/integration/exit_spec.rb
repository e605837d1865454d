# frozen_string_literal: true

# In a fresh interpreter each: how a process ends, and what is released by then.
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

  it "comes after all at_exit handlers, in which pointers can be used and freed" do
    child = run_ruby(<<~RUBY)
      $kept = Handle.new(events.raw(:kept))
      $freed = Handle.new(events.raw(:freed))
      at_exit { events << [:first_registered, $kept.freed?, $freed.freed?] }
      at_exit do
        $freed.free
        $kept.write_int(42)
        events << [:last_registered, $kept.read_int]
      end
      events << :end
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [
      :end, [:released, :freed], [:last_registered, 42], [:first_registered, false, true], [:released, :kept]
    ])
  end

  it "releases pointers made in an at_exit handler" do
    child = run_ruby("at_exit { $handle = Handle.new(events.raw) }")
    expect(child).to have_attributes(quiet?: true, events: [:released])
  end

  it "does not run a free of one's own, only the release" do
    child = run_ruby(<<~RUBY)
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
    expect(child).to have_attributes(
      quiet?: true, events: [:own_free, [:released, :called], :end, [:released, :never_called]]
    )
  end

  it "releases many, each once" do
    child = run_ruby(<<~RUBY)
      $handles = Array.new(1_000) { Handle.new(events.raw) }
      $handles.each_slice(2) { |handle, _| handle.free }
      events << :end
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [*[:released] * 500, :end, *[:released] * 500])
  end

  it "does not retry a release another thread has not finished" do
    child = run_ruby(<<~RUBY)
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
    expect(child).to have_attributes(quiet?: true, events: [:entered, :end])
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

  it "leaves a pointer NULL, for the releases that come after" do
    child = run_ruby(<<~RUBY)
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
    expect(child).to have_attributes(quiet?: true, events: [[false, false], :released, [true, true], :released])
  end

  # How Ruby orders finalizers is its own affair, so the family is made, and kept, in every order.
  describe "comes to families" do
    makings = {
      "made from the top" => <<~RUBY,
        $pointers = [Handle.new(events.raw(:top))]
        %i[middle bottom].each { |name| $pointers << Handle.new(events.raw(name), parent: $pointers.last) }
      RUBY
      "tied from the bottom" => <<~RUBY,
        $pointers = %i[bottom middle top].map { |name| Handle.new(events.raw(name)) }
        $pointers.each_cons(2) { |child, parent| child.parent = parent }
      RUBY
      "tied across" => <<~RUBY,
        $pointers = %i[middle top bottom].map { |name| Handle.new(events.raw(name)) }
        middle, top, bottom = $pointers
        bottom.parent = middle
        middle.parent = top
      RUBY
      "freed from the top before" => <<~RUBY
        $pointers = [Handle.new(events.raw(:top))]
        %i[middle bottom].each { |name| $pointers << Handle.new(events.raw(name), parent: $pointers.last) }
        $pointers.first(2).each(&:free)
      RUBY
    }

    makings.each do |how, making|
      ["", "exit", "abort", "raise 'unhandled'", "Thread.new { exit }.join; Thread.stop"].each do |ending|
        it "#{how}, children first, when it ends with #{ending.empty? ? "the code" : ending}" do
          child = run_ruby("#{making}\n#{ending}")
          expect(child.events).to eq %i[bottom middle top].map { |name| [:released, name] }
          expect(child.signal).to be_nil
        end
      end
    end

    it "that are large, children first" do
      child = run_ruby(<<~RUBY)
        random = Random.new(1)
        $pointers = [Handle.new(events.raw(:p0))]
        1.upto(500) { |i| $pointers << Handle.new(events.raw(:"p\#{i}"), parent: $pointers.sample(random: random)) }
        events << $pointers.drop(1).map { |pointer| $pointers.index(pointer.parent) }
        $pointers.shuffle!(random: random)
      RUBY
      parents, *releases = child.events
      order = releases.map { |_, name| Integer(name[1..]) }
      position = order.each_with_index.to_h
      expect(child).to be_quiet
      expect(order).to match_array(0..500)
      expect(parents.each.with_index(1).reject { |parent, i| position[i] < position[parent] }).to eq []
    end
  end

  describe "comes after at_exit handlers" do
    it "registered before safe_pointer is loaded" do
      prelude = File.expand_path("../support/child_prelude", __dir__)
      child = run_ruby(<<~RUBY)
        log = Integer(ENV.fetch("EVENTS_FD"))
        exec(RbConfig.ruby, "-e", <<~FRESH, log => log)
          at_exit { events << [:early_handler, $handle.freed?, $handle.use { |raw| raw.read_int }] }
          require "#{prelude}"
          $handle = Handle.new(events.raw)
          $handle.write_int(42)
        FRESH
      RUBY
      expect(child).to have_attributes(quiet?: true, events: [[:early_handler, false, 42], :released])
    end

    it "registered in handlers, and a raise in one" do
      child = run_ruby(<<~RUBY)
        $handle = Handle.new(events.raw)
        at_exit { events << [:outer, $handle.freed?] }
        at_exit do
          at_exit { events << [:inner, $handle.freed?] }
          raise "in a handler"
        end
      RUBY
      expect(child).to have_attributes(
        events: [[:inner, false], [:outer, false], :released], stderr: include("in a handler")
      )
    end

    # As minitest/autorun and rspec/autorun do.
    it "in which a whole test suite runs" do
      child = run_ruby(<<~RUBY)
        class Suite
          def test_free = Handle.new(events.raw(:freed)).tap(&:free).freed?
          def test_use = ($used = Handle.new(events.raw(:used))).use { |raw| raw.write_int(1).read_int } == 1
          def test_open = SafePointer.open(events.raw(:opened), Oracle.method(:free)) { |pointer| !pointer.freed? }
          def test_error = SafePointer.new(events.raw, ->(_) { raise "refused" }).free
          def test_thread = Thread.new { Handle.new(events.raw(:threaded)).free }.value.nil?

          def test_family
            $top = Handle.new(events.raw(:top))
            $bottom = Handle.new(events.raw(:bottom), parent: $top)
            $top.free
            !$top.freed?
          end

          def test_gc
            out_of_reach { Handle.new(events.raw(:dead)) }
            full_gc
            true
          end

          def test_fork
            $discarded = Handle.new(events.raw(:discarded), fork_policy: :discard)
            Process.wait(fork { exit! }) && true
          end
        end

        at_exit do
          Suite.instance_methods(false).sort.each do |test|
            events << [test, Suite.new.send(test)]
          rescue RuntimeError => error
            events << [test, error.message]
          end
          exit 7
        end
      RUBY
      expect(child).to have_attributes(exitstatus: 7, stderr: "")
      expect(child.events.first(12)).to eq [
        [:test_error, "refused"],
        [:test_family, true],
        [:test_fork, true],
        [:released, :freed], [:test_free, true],
        [:released, :dead], [:test_gc, true],
        [:released, :opened], [:test_open, true],
        [:released, :threaded], [:test_thread, true],
        [:test_use, true]
      ]
      left = child.events.drop(12)
      expect(left).to match_array(%i[bottom top discarded used].map { |name| [:released, name] })
      expect(left.index([:released, :bottom])).to be < left.index([:released, :top])
    end
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

  it "releases the parent of a child whose release raises" do
    child = run_ruby(<<~RUBY)
      SafePointer.on_release_error { |error, info| events << [error.message, info[:trigger]] }
      $top = Handle.new(events.raw(:top))
      $bottom = SafePointer.new(events.raw, ->(_) { raise "refused" }, parent: $top)
    RUBY
    expect(child).to be_quiet
    expect(child.events).to contain_exactly(["refused", :exit], [:released, :top])
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

  it "releases what a fiber that never goes on has a lease on" do
    child = run_ruby(<<~RUBY)
      $handles = Array.new(2) { Handle.new(events.raw) }
      $fibers = $handles.map { |handle| Fiber.new { handle.use { Fiber.yield } }.tap(&:resume) }
      $handles.first.free
      events << $handles.map(&:freed?)
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [[false, false], :released, :released])
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
end
