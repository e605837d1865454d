# frozen_string_literal: true

# Ruby ends the other threads before it calls the finalizers, so what they still do with pointers comes first.
RSpec.describe "threads that still run at the end of the process" do
  # What a program has done when it comes to its end, and the log of it to the very end.
  programs = {
    "leave what they were about to free to exit" => [
      <<~RUBY,
        $handle = Handle.new(events.raw)
        waiting = Queue.new
        Thread.new do
          waiting << true
          Thread.stop
          $handle.free
        end
        waiting.pop
      RUBY
      [:released]
    ],
    "free in their ensure, and exit does not again" => [
      <<~RUBY,
        $handle = Handle.new(events.raw)
        waiting = Queue.new
        Thread.new do
          waiting << true
          Thread.stop
        ensure
          $handle.free
          events << :ensured
        end
        waiting.pop
      RUBY
      [:released, :ensured]
    ],
    "end the leases they have, and exit releases" => [
      <<~RUBY,
        $handle = Handle.new(events.raw)
        leased = Queue.new
        Thread.new do
          $handle.use do |raw|
            leased << true
            Thread.stop
          ensure
            events << [:still, $handle.freed?, raw.read_int]
          end
        end
        leased.pop
      RUBY
      [[:still, false, 0], :released]
    ],
    "carry out the free that their leases kept off" => [
      <<~RUBY,
        $handle = Handle.new(events.raw)
        leased = Queue.new
        Thread.new do
          $handle.use do
            leased << true
            Thread.stop
          end
        ensure
          events << [:ended, $handle.freed?]
        end
        leased.pop
        $handle.free
      RUBY
      [:released, [:ended, true]]
    ],
    "end the lease on a child, and exit releases the parent after it" => [
      <<~RUBY,
        $top = Handle.new(events.raw(:top))
        $bottom = Handle.new(events.raw(:bottom), parent: $top)
        leased = Queue.new
        Thread.new do
          $bottom.use do
            leased << true
            Thread.stop
          end
        end
        leased.pop
        $top.free
      RUBY
      [[:released, :bottom], [:released, :top]]
    ],
    # The gate opens when Ruby ends the threads, which is after all at_exit handlers.
    "finish the C destructor they are in" => [
      <<~RUBY,
        Oracle.close_gate
        $handle = SafePointer.new(events.raw, Oracle.method(:free_at_gate))
        ready = Queue.new
        Thread.new do
          ready << true
          Thread.stop
        ensure
          events << :open
          Oracle.open_gate
        end
        ready.pop
        Thread.new { $handle.free }
        wait = -> { Thread.pass until Oracle.waiting == 1 }
        wait.call
        at_exit { events << [:at_exit, $handle.freed?, $handle.free] }
      RUBY
      [:at_gate, [:at_exit, false, nil], :open, :released]
    ],
    "are in a release that never goes on: it is not tried again" => [
      <<~RUBY,
        entered = Queue.new
        $handle = SafePointer.new(events.raw, lambda { |_|
          entered << true
          Thread.stop
        })
        $other = Handle.new(events.raw(:other))
        Thread.new { $handle.free }
        entered.pop
      RUBY
      [[:released, :other]]
    ]
  }

  ["", "exit", "abort", "raise 'unhandled'", "Thread.new { exit }.join; Thread.stop"].each do |ending|
    describe "by #{ending.empty? ? "the end of the code" : ending}" do
      programs.each do |what, (source, expected)|
        it what do
          expect(run_ruby("#{source}\n#{ending}")).to have_attributes(events: expected, signal: nil)
        end
      end
    end
  end

  # A thread that is ended between making a raw pointer and wrapping it would leave the raw one behind.
  it "make, use and free pointers all the time: each is released once" do
    child = run_ruby(<<~RUBY)
      def make
        Thread.handle_interrupt(Object => :never) do
          events << :made
          Handle.new(events.raw)
        end
      end

      4.times do
        Thread.new do
          handles = []
          loop do
            handles << make
            handles.sample.use { Thread.pass }
            handles.sample.free if handles.size > 5
          rescue SafePointer::ReleasedError
            handles.shift
          end
        end
      end
      Thread.pass until Oracle.released > 20
    RUBY
    expect(child).to be_quiet
    expect(child.events.uniq).to contain_exactly(:made, :released)
    expect(child.events.count(:released)).to be child.events.count(:made)
  end
end
