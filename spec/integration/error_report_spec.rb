# frozen_string_literal: true

class Faulty < SafePointer
  class Refusal < StandardError; end

  def self.release(_raw)
    Events.current << :entered
    raise Refusal, "device busy"
  end
end

RSpec.describe "an error in a release nobody called for" do
  # Makes a pointer and has it released, at GC or when the scenario is over.
  def have_released(trigger, &make)
    case trigger
    when :gc
      out_of_reach(&make)
      full_gc
    when :exit
      @alive_at_exit = make.call
    end
  end

  %i[gc exit].each do |trigger|
    describe "at #{trigger}" do
      it "is one warning: class, address, trigger, error and message" do
        child = fork_child do |events|
          raw = events.raw
          events << raw.address
          have_released(trigger) { Faulty.new(raw) }
        end
        address, *rest = child.events
        expect(rest).to eq [:entered]
        expect(child.stderr.lines).to match [
          a_string_including("Faulty", "Faulty::Refusal", "device busy")
            .and(matching(/0x0*#{address.to_s(16)}\b/)).and(matching(/\b#{trigger}\b/i))
        ]
        expect(child).to have_attributes(exitstatus: 0, stdout: "")
      end

      {
        "raises itself" => -> { raise "no message either" },
        "is nil" => -> {},
        "has several lines" => -> { "first line\nsecond line" },
        "is binary" => -> { "\xff\xfe".b }
      }.each do |what, message|
        it "is one warning even if the error's message #{what}" do
          error = Class.new(StandardError) { define_method(:message, &message) }
          child = fork_child do |events|
            release = ->(_) { raise error }
            have_released(trigger) { Faulty.new(events.raw, release) }
          end
          expect(child.stderr.lines).to match [a_string_including("Faulty").and(matching(/\b0x\h+\b/))]
          expect(child).to have_attributes(exitstatus: 0, stdout: "")
        end
      end

      it "goes through Kernel#warn" do
        log = in_child do |events|
          Warning.singleton_class.define_method(:warn) { |message, **| events << message.lines.size }
          have_released(trigger) { Faulty.new(events.raw) }
        end
        expect(log).to eq [:entered, 1]
      end

      it "goes to on_release_error instead, if that is set" do
        log = in_child do |events|
          SafePointer.on_release_error do |error, info|
            events << [error.class.name, error.message, info[:class].name, info[:address], info[:trigger]]
          end
          raw = events.raw
          events << raw.address
          have_released(trigger) { Faulty.new(raw) }
        end
        address, *rest = log
        expect(rest).to eq [:entered, ["Faulty::Refusal", "device busy", "Faulty", address, trigger]]
      end

      it "goes to the last on_release_error" do
        log = in_child do |events|
          SafePointer.on_release_error { |*| events << :first_handler }
          SafePointer.on_release_error { |*| events << :second_handler }
          have_released(trigger) { Faulty.new(events.raw) }
        end
        expect(log).to eq [:entered, :second_handler]
      end

      it "is a warning again after on_release_error without a block" do
        child = fork_child do |events|
          SafePointer.on_release_error { |*| events << :handler }
          SafePointer.on_release_error
          have_released(trigger) { Faulty.new(events.raw) }
        end
        expect(child.events).to eq [:entered]
        expect(child.stderr.lines).to match [a_string_including("device busy")]
      end

      it "is not retried and stops nothing when on_release_error raises itself" do
        child = fork_child do |events|
          SafePointer.on_release_error do |*|
            events << :handler
            raise "the handler is faulty, too"
          end
          have_released(trigger) { Faulty.new(events.raw) }
          events << :end
        end
        expect(child.exitstatus).to be 0
        expect(child.events.sort).to eq %i[end entered handler]
      end

      it "does not stop the releases of others" do
        log = in_child do |events|
          SafePointer.on_release_error { |error, _| events << error.message }
          have_released(trigger) do
            [Faulty.new(events.raw), Handle.new(events.raw), Faulty.new(events.raw), Handle.new(events.raw)]
          end
        end
        expect(log).to contain_exactly(:entered, "device busy", :entered, "device busy", :released, :released)
      end

      it "may be an Exception of any class" do
        log = in_child do |events|
          SafePointer.on_release_error { |error, info| events << [error.class, info[:trigger]] }
          have_released(trigger) { SafePointer.new(events.raw, ->(_) { raise NotImplementedError }) }
        end
        expect(log).to eq [[NotImplementedError, trigger]]
      end
    end
  end

  it "leaves a collection between the error and the exit without anything to do" do
    log = in_child do |events|
      SafePointer.on_release_error { |*| events << :handler }
      out_of_reach { Faulty.new(events.raw) }
      3.times { full_gc }
      events << :end
    end
    expect(log).to eq [:entered, :handler, :end]
  end
end
