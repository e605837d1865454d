# frozen_string_literal: true

require_relative "../support/interleavings"
require_relative "../support/native_handle"

# Two threads have the same pointer: while one does something, the other does something else, at each moment at which
# Ruby may let it. Whatever they come to, the pointer is released once.
RSpec.describe "while one thread", "another" do
  own_free = Class.new(Handle) do
    def free = Oracle.free(self)
  end
  native_own_free = Class.new(NativeHandle) do
    def free = Oracle.free(self)
  end
  types = { "Ruby" => Handle, "a C function" => NativeHandle, "a free of its own" => own_free,
            "a free of its own, or a C function" => native_own_free }

  # What may be done to a pointer. What is refused raises one of these.
  refusals = [SafePointer::ReleasedError, FrozenError].freeze
  deeds = {
    "frees it" => ->(pointer) { pointer.free },
    "releases it by hand" => ->(pointer) { pointer.class.release(pointer) },
    "uses it" => ->(pointer) { pointer.use { |raw| raw.address } },
    "frees it while it is used" => ->(pointer) { pointer.use { pointer.free } },
    "gives it away" => ->(pointer) { Oracle.free(pointer.detach) },
    "gives it a child" => lambda { |pointer|
      raw = Events.current.raw
      begin
        Handle.new(raw, parent: pointer).free
      rescue SafePointer::ReleasedError
        Oracle.free(raw)
      end
    },
    "gives it a parent" => ->(pointer) { pointer.parent = Handle.new(FFI::Pointer::NULL) },
    "says its size" => ->(pointer) { pointer.size = 16 },
    "freezes it" => ->(pointer) { pointer.freeze },
    "looks at @releaser" => ->(pointer) { pointer.instance_variable_get(:@releaser).autorelease }
  }

  types.each do |by, type|
    deeds.each do |first, act|
      next if first == "releases it by hand" && !by.include?("its own")

      it "#{first}, does anything to it, and it is released once by #{by}" do
        log = in_child do |events|
          full_gc
          live = SafePointer.stats[:live]
          deeds.each do |second, other|
            Interleavings.each_moment do |moment|
              released = Oracle.released
              made = Oracle.created
              pointer = type.new(events.raw)
              refuse = ->(deed) { -> { deed.call(pointer) rescue refusals.include?($!.class) || raise } }
              moment.during(refuse[act], &refuse[other])
              pointer.free
              events << [second, pointer.inspect] unless pointer.detached? || (pointer.freed? && pointer.null?)
              expected = Oracle.created - made
              events << [second, Oracle.released - released, expected] if Oracle.released - released != expected
            end
          end
          events << (SafePointer.stats[:live] - live)
        end
        expect(log - [:released]).to eq [0]
      end
    end
  end

  interruption = Class.new(StandardError)

  # What was interrupted before it began has done nothing, and is done by the next call. What had begun is over.
  types.each do |by, type|
    it "frees it, interrupts it, and it is freed in the end by #{by}" do
      log = in_child do |events|
        full_gc
        live = SafePointer.stats[:live]
        Interleavings.each_moment do |moment|
          pointer = type.new(events.raw)
          freeing = Thread.current
          begin
            moment.during(-> { pointer.free }) { freeing.raise(interruption) }
          rescue interruption
            pointer.free
          end
          events << pointer.inspect unless pointer.freed? && pointer.null?
        end
        events << (SafePointer.stats[:live] - live)
      end
      expect(log - [:released]).to eq [0]
    end
  end

  # What a release waits for: each begins it, and returns what ends it.
  holds = {
    "a lease" => lambda { |pointer|
      held, over = Array.new(2) { Thread::Queue.new }
      thread = Thread.new { pointer.use { held << true; over.pop } }
      held.pop
      -> { over << true; thread.join }
    },
    "a child" => lambda { |pointer|
      child = Handle.new(Events.current.raw, parent: pointer)
      -> { child.free }
    }
  }
  logging_free = Class.new(Handle) do
    def free
      Events.current << :own
      super
    end
  end

  { "Ruby" => Handle, "a C function" => NativeHandle, "a free of its own" => logging_free }.each do |by, type|
    holds.each do |what, hold|
      it "frees it, ends #{what} that this waits for, and it is released once, by #{by}" do
        log = in_child do |events|
          Interleavings.each_moment do |moment|
            pointer = type.new(events.raw)
            finish = hold.call(pointer)
            moment.during(-> { pointer.free }, &finish)
            finish.call unless moment.come?
            events << [pointer.inspect, pointer.null?] unless pointer.freed? && pointer.null?
            events << :next
          end
        end
        # What is logged of each pointer.
        logs = log.slice_when { |event, _| event == :next }.map { |events| events.sort_by(&:to_s) }
        expected = [*(:own if type == logging_free), :next, :released, *(:released if what == "a child")].sort_by(&:to_s)
        expect(logs.uniq).to eq [expected]
      end
    end
  end
end
