# frozen_string_literal: true

require "timeout"

RSpec.describe "a release that does not end well, asked for by free" do
  let(:raw) { Oracle.create }

  it "hands its exception to the caller" do
    error = IOError.new("device busy")
    pointer = SafePointer.new(raw, ->(_) { raise error })
    expect { pointer.free }.to raise_error(be(error))
  end

  it "hands on exceptions which are not StandardErrors" do
    error = NoMemoryError.new("simulated")
    pointer = SafePointer.new(raw, ->(_) { raise error })
    expect { pointer.free }.to raise_error(be(error))
  end

  # How the release ends => what the caller of free does about it.
  endings = {
    "raises" => [-> { raise "refused" }, ->(pointer) { pointer.free rescue $!.message }],
    "raises an Exception" => [
      -> { raise NotImplementedError, "refused" },
      ->(pointer) { begin; pointer.free; rescue NotImplementedError => e; e.message; end }
    ],
    "throws" => [-> { throw :done, "refused" }, ->(pointer) { catch(:done) { pointer.free } }],
    "throws to nowhere" => [
      -> { throw :nowhere },
      ->(pointer) { begin; pointer.free; rescue UncaughtThrowError; "refused"; end }
    ],
    "breaks to nowhere" => [
      proc { break },
      ->(pointer) { begin; pointer.free; rescue LocalJumpError; "refused"; end }
    ],
    "is interrupted" => [
      -> { raise Interrupt },
      ->(pointer) { begin; pointer.free; rescue Interrupt; "refused"; end }
    ],
    "runs out of memory" => [
      -> { raise NoMemoryError },
      ->(pointer) { begin; pointer.free; rescue NoMemoryError; "refused"; end }
    ],
    "runs out of stack" => [
      (endless = -> { endless.call }),
      ->(pointer) { begin; pointer.free; rescue SystemStackError; "refused"; end }
    ],
    "times out" => [
      -> { Thread.stop },
      ->(pointer) { begin; Timeout.timeout(0.05) { pointer.free }; rescue Timeout::Error; "refused"; end }
    ],
    "times out with an error of the caller's" => [
      -> { Thread.stop },
      ->(pointer) { begin; Timeout.timeout(0.05, IOError) { pointer.free }; rescue IOError; "refused"; end }
    ],
    "is killed" => [
      -> { Thread.current.kill },
      ->(pointer) { Thread.new { pointer.free }.value || "refused" }
    ],
    "raises in its own thread" => [
      -> { Thread.current.raise(IOError) },
      ->(pointer) { begin; pointer.free; rescue IOError; "refused"; end }
    ],
    "aborts" => [
      -> { Process.abort },
      ->(pointer) { begin; pointer.free; rescue SystemExit; "refused"; end }
    ],
    "exits" => [
      -> { exit 3 },
      ->(pointer) { begin; pointer.free; rescue SystemExit; "refused"; end }
    ]
  }

  endings.each do |how, (ending, freeing)|
    it "counts as freed when it #{how} before the destructor has run" do
      log = in_child do |events|
        pointer = SafePointer.new(events.raw, lambda { |_|
          events << :entered
          ending.call
        })
        events << freeing.call(pointer)
        events << [pointer.free, pointer.freed?, pointer.null?]
      end
      expect(log).to eq [:entered, "refused", [nil, true, true]]
    end

    it "counts as freed when it #{how} after the destructor has run" do
      log = in_child do |events|
        pointer = SafePointer.new(events.raw, lambda { |raw|
          Oracle.free(raw)
          ending.call
        })
        events << freeing.call(pointer)
        events << [pointer.free, pointer.freed?, pointer.null?]
      end
      expect(log).to eq [:released, "refused", [nil, true, true]]
    end

    it "is not tried again at GC when it #{how}" do
      log = in_child do |events|
        release = lambda { |_|
          events << :entered
          ending.call
        }
        out_of_reach { events << freeing.call(SafePointer.new(events.raw, release)) }
        full_gc
        events << :collected
      end
      expect(log).to eq [:entered, "refused", :collected]
    end
  end

  # A block may leave the method that made the pointer, as long as that is running.
  it "may return from the method that frees" do
    def early(events)
      pointer = SafePointer.new(events.raw) do |raw|
        Oracle.free(raw)
        return :early
      end
      pointer.free
      :late
    ensure
      events << [pointer.free, pointer.freed?, pointer.null?]
    end
    log = in_child { |events| events << early(events) }
    expect(log).to eq [:released, [nil, true, true], :early]
  end

  it "is not tried again when the fiber it runs on never returns" do
    log = in_child do |events|
      pointer = SafePointer.new(events.raw, lambda { |_|
        events << :entered
        Fiber.yield
      })
      Fiber.new { pointer.free }.resume
      events << [pointer.free, pointer.freed?]
    end
    expect(log).to eq [:entered, [nil, false]]
  end

  it "is not reported to on_release_error, since the caller knows" do
    log = in_child do |events|
      SafePointer.on_release_error { |error, _| events << [:reported, error.message] }
      pointer = SafePointer.new(events.raw, ->(_) { raise "refused" })
      events << (pointer.free rescue $!.message)
    end
    expect(log).to eq ["refused"]
  end

  # What the guard makes of arguments that do not fit: see release_by_hand_spec.rb. Here it is free that calls.
  {
    "class method without parameters" => ->(raw) { Class.new(SafePointer) { def self.release = nil }.new(raw) },
    "class method with too many" => ->(raw) { Class.new(SafePointer) { def self.release(_, _) = nil }.new(raw) },
    "class method with a required keyword" =>
      ->(raw) { Class.new(SafePointer) { def self.release(_, now:) = now }.new(raw) },
    "lambda without parameters" => ->(raw) { SafePointer.new(raw, -> {}) },
    "C function without parameters" => ->(raw) { SafePointer.new(raw, Oracle.method(:created)) }
  }.each do |what, make|
    it "raises ArgumentError, once, if it is a #{what}" do
      log = in_child do |events|
        @pointer = make.call(events.raw)
        begin
          @pointer.free
        rescue ArgumentError => e
          events << e.class
        end
        events << [@pointer.free, @pointer.freed?, @pointer.null?]
      end
      expect(log).to eq [ArgumentError, [nil, true, true]]
    end
  end

  # What is no error has no report to go to: see error_report_spec.rb for errors.
  {
    "throws" => [-> { throw :done, :thrown }, ->(work) { catch(:done, &work) }, :thrown],
    "is timed out" => [
      -> { Thread.stop },
      ->(work) { Timeout.timeout(0.05) { work.call } rescue $!.class },
      Timeout::Error
    ],
    "is timed out with an exception of the caller's" => [
      -> { Thread.stop },
      ->(work) { begin; Timeout.timeout(0.05, Class.new(Exception), &work); rescue Exception; :timeout; end },
      :timeout
    ],
    "exits" => [-> { exit 3 }, ->(work) { begin; work.call; rescue SystemExit; $!.status; end }, 3],
    "is interrupted" => [
      -> { raise Interrupt }, ->(work) { begin; work.call; rescue Interrupt; :ctrl_c; end }, :ctrl_c
    ],
    "is killed" => [-> { Thread.current.kill }, ->(work) { Thread.new(&work).value }, nil]
  }.each do |what, (ending, carry_out, result)|
    it "goes on its way from a lease that ends in it when it #{what}" do
      log = in_child do |events|
        pointer = SafePointer.new(events.raw, lambda { |raw|
          Oracle.free(raw)
          ending.call
        })
        events << carry_out.call(lambda { |*|
          pointer.use { pointer.free }
          :unreached
        })
        events << [pointer.free, pointer.freed?, pointer.null?]
      end
      expect(log).to eq [:released, result, [nil, true, true]]
    end

    it "goes on its way from a child that ends in it when it #{what}" do
      log = in_child do |events|
        pointer = SafePointer.new(events.raw(:top), lambda { |raw|
          Oracle.free(raw)
          ending.call
        })
        child = events.pointer(:bottom)
        child.parent = pointer
        pointer.free
        events << carry_out.call(lambda { |*|
          child.free
          :unreached
        })
        events << [child, pointer].map { |either| [either.free, either.freed?, either.null?] }
      end
      expect(log).to eq [%i[released bottom], %i[released top], result, [[nil, true, true]] * 2]
    end
  end
end
