# frozen_string_literal: true

# While a method of the class's own releases, which may be suspended or on another thread, whoever else asks gets nil.
RSpec.describe "a release by a method of the class's own" do
  # `close` destroys the pointer, and calls the block in the midst of it.
  def handle(&body)
    Class.new(Handle) do
      frees_with :close
      define_method(:close) do |&between|
        Events.current << :close
        between&.call
        Oracle.free(self)
      end
      class_eval(&body) if body
    end
  end

  # What asks while the fiber of `close` is suspended.
  asks = {
    "free, which the class inherits" => ->(pointer) { pointer.free },
    "the same method" => ->(pointer) { pointer.close },
    "free on another fiber" => ->(pointer) { Fiber.new { pointer.free }.resume },
    "free on another thread" => ->(pointer) { Thread.new { pointer.free }.value }
  }

  asks.each do |what, ask|
    it "is the only one if its fiber is suspended: #{what}" do
      log = in_child do |events|
        pointer = handle.new(events.raw)
        fiber = Fiber.new { pointer.close { Fiber.yield } }
        fiber.resume
        events << [ask.call(pointer), pointer.freed?]
        fiber.resume
        events << pointer.freed?
      end
      expect(log).to eq [:close, [nil, false], :released, true]
    end
  end

  it "is the only one while another thread is in it" do
    log = in_child do |events|
      pointer = handle.new(events.raw)
      entered, left = Array.new(2) { Thread::Queue.new }
      thread = Thread.new { pointer.close { entered << true; left.pop } }
      entered.pop
      events << [pointer.free, pointer.close, pointer.freed?]
      left << true
      thread.join
      events << pointer.freed?
    end
    expect(log).to eq [:close, [nil, nil, false], :released, true]
  end

  ways = {
    "is suspended for good" => -> { Fiber.yield },
    "forks" => -> { Process.wait(fork { nil }) },
    "forks, and the child collects" => -> { Process.wait(fork { GC.start }) }
  }

  ways.each do |what, way|
    it "is no reason for GC or exit to release where it #{what}" do
      log = in_child do |events|
        type = Class.new(Handle) do
          define_method(:free) do
            events << :own_free
            way.call
            nil
          end
        end
        Fiber.new { type.new(FFI::Pointer.new(8)).free }.resume
        full_gc
        events << :collected
      end
      expect(log).to eq %i[own_free collected]
    end
  end
end
