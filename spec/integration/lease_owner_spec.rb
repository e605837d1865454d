# frozen_string_literal: true

require_relative "../support/lessees"

# Whose a lease is, who may have another one within it, and what becomes of it when the owner never comes back.
RSpec.describe "a lease" do
  include Lessees

  # What is done with a pointer, and the log of it.
  {
    "is refused to a thread that has none once a release waits for it, and may be nested" => [
      lambda { |events, pointer|
        pointer.use do
          events << Thread.new { pointer.use { :before } }.value
          pointer.free
          events << Thread.new { pointer.use { :after } rescue $!.class }.value
          events << pointer.use { :nested }
        end
      },
      [:before, SafePointer::ReleasedError, :nested, :released]
    ],
    "may be that of several fibers of a thread, which end in any order" => [
      lambda { |events, pointer|
        fiber = Fiber.new { pointer.use { Fiber.yield } }
        fiber.resume
        pointer.use { pointer.free }
        events << [:main_over, pointer.freed?]
        fiber.resume
        events << pointer.freed?
      },
      [[:main_over, false], :released, true]
    ]
  }.each do |what, (steps, expected)|
    it what do
      log = in_child { |events| steps.call(events, events.pointer) }
      expect(log).to eq expected
    end
  end

  describe "of a fiber that is abandoned" do
    {"and a free waits" => ->(pointer) { pointer.free }, "and nobody asks" => ->(_) {}}.each do |which, ask|
      it "ends when GC finds the pointer gone, #{which}" do
        log = in_child do |events|
          out_of_reach do
            pointer = Handle.new(events.raw)
            abandon(pointer)
            ask.call(pointer)
          end
          full_gc
          events << :collected
        end
        expect(log).to eq [:released, :collected]
      end

      it "ends with the process, #{which}, like that of another one" do
        log = in_child do |events|
          parent = Handle.new(events.raw(:parent))
          @alive_at_exit = Handle.new(events.raw(:child), parent: parent)
          @fibers = Array.new(2) { abandon(@alive_at_exit) }
          ask.call(@alive_at_exit)
          events << @alive_at_exit.freed?
        end
        expect(log).to eq [false, %i[released child], %i[released parent]]
      end

      it "ends with the process, #{which}" do
        log = in_child do |events|
          @alive_at_exit = Handle.new(events.raw)
          @fiber = abandon(@alive_at_exit)
          ask.call(@alive_at_exit)
          events << @alive_at_exit.freed?
        end
        expect(log).to eq [false, :released]
      end
    end

    it "ends at the next free, once its thread has ended" do
      log = in_child do |events|
        pointer = Handle.new(events.raw)
        Thread.new { abandon(pointer) && nil }.join
        events << pointer.freed? << pointer.free << pointer.freed?
      end
      expect(log).to eq [false, :released, nil, true]
    end

    it "ends with the process where the class has a free of its own" do
      log = in_child do |events|
        type = Class.new(Handle) do
          def free(mode)
            Events.current << mode
            super()
          end
        end
        @alive_at_exit = type.new(events.raw)
        @fiber = abandon(@alive_at_exit)
        @alive_at_exit.free(:asked)
      end
      expect(log).to eq [:asked, :released]
    end
  end

  it "of a fiber that is not resumed ends with the process, which reports the error of the release with :exit" do
    log = in_child do |events|
      SafePointer.on_release_error { |error, info| events << [error.message, info[:trigger]] }
      @alive_at_exit = SafePointer.new(events.raw, ->(_) { raise IOError, "busy" })
      @fiber = abandon(@alive_at_exit)
      @alive_at_exit.free
    end
    expect(log).to eq [["busy", :exit]]
  end
end
