# frozen_string_literal: true

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
end
