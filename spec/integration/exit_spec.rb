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
end
