# frozen_string_literal: true

require_relative "../support/interleavings"
require_relative "../support/native_handle"

# While one thread ties a family together, another one changes it, at each moment at which Ruby may let it.
RSpec.describe "while a pointer is given a parent" do
  # A struct for a parent: Ruby asks it for its pointer.
  struct = Class.new(SafePointer::ManagedStruct) do
    layout :x, :int
    def self.release(raw) = Oracle.free(raw)
  end
  parents = { "a pointer" => Handle, "one that a C function releases" => NativeHandle, "a struct" => struct }

  # The log of a scenario without the releases, and what it has left over.
  def log_of
    in_child do |events|
      live = Oracle.live
      Interleavings.each_moment { |moment| yield events, moment }
      full_gc
      events << [:left, Oracle.live - live]
    end - [:released]
  end

  parents.each do |what, type|
    it "#{what}, which becomes its child, one of the two is refused" do
      log = log_of do |events, moment|
        one, other = Handle.new(events.raw), type.new(events.raw)
        pointer = other.is_a?(SafePointer) ? other : other.pointer
        tie = ->(child, parent) { (child.parent = parent) && :tied rescue $!.class }
        second = nil
        first = moment.during(-> { tie[one, other] }) { second = tie[pointer, one] }
        second ||= tie[pointer, one]
        events << [first, second] unless [first, second].sort_by(&:to_s) == [ArgumentError, :tied]
        [one, pointer].each(&:free)
      end
      expect(log).to eq [[:left, 0]]
    end

    { "freed" => ->(child) { child.free }, "given away" => ->(child) { Oracle.free(child.detach) } }.each do |end_, act|
      it "#{what}, and is #{end_} meanwhile: the parent does not wait for it" do
        log = log_of do |events, moment|
          child, parent = Handle.new(events.raw), type.new(events.raw)
          tie = -> { (child.parent = parent) rescue SafePointer::ReleasedError === $! || raise }
          moment.during(tie) { act[child] }
          act[child] unless child.freed? || child.detached?
          parent.free
          pointer = parent.is_a?(SafePointer) ? parent : parent.pointer
          events << [child.inspect, pointer.inspect] unless pointer.freed? && pointer.null?
        end
        expect(log).to eq [[:left, 0]]
      end
    end

    [false, true].each do |within|
      it "#{what}, which is freed#{", and would free it" if within}: it is released with it, or refused" do
        log = log_of do |events, moment|
          parent = type.new(events.raw)
          # What the parent destroys is no memory of its own here.
          raw = within ? FFI::Pointer.new(8) : events.raw
          child = nil
          refused = false
          act = lambda do
            child = Handle.new(raw, parent: parent, freed_by_parent: within)
          rescue SafePointer::ReleasedError
            refused = true
            Oracle.free(raw) unless within
          end
          moment.during(act) { parent.free }
          parent.free
          next if refused

          events << [:child, child.inspect] unless within == child.freed?
          child.free
          events << [child.inspect, parent.inspect] unless child.freed? && child.null? && parent.null?
        end
        expect(log).to eq [[:left, 0]]
      end
    end
  end

  it "that frees it, another one is given that parent, and both are freed with it" do
    log = log_of do |events, moment|
      parent = Handle.new(events.raw)
      make = -> { Handle.new(FFI::Pointer.new(8), parent: parent, freed_by_parent: true) }
      second = nil
      first = moment.during(make) { second = make.call }
      second ||= make.call
      parent.free
      events << [first.inspect, second.inspect] unless [first, second].all? { |child| child.freed? && child.null? }
    end
    expect(log).to eq [[:left, 0]]
  end
end
