# frozen_string_literal: true

# Ruby loads the encoding when it is first used, which it cannot under GC stress.
"".encode("UTF-16LE")

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
    when :lease
      Array(make.call).each { |pointer| pointer.use { pointer.free } }
    when :child
      Array(make.call).each do |pointer|
        child = Handle.new(Oracle.create, parent: pointer)
        pointer.free
        child.detach
      end
    end
  end

  wordings = {gc: "at GC", exit: "at exit", lease: "after its last lease", child: "after its last child"}

  wordings.each do |trigger, wording|
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
            .and(matching(/0x0*#{address.to_s(16)}\b/)).and(matching(/\b#{wording}\b/))
        ]
        expect(child).to have_attributes(exitstatus: 0, stdout: "")
      end

      it "is worded the same wherever it is printed" do
        child = fork_child do |events|
          have_released(trigger) { Faulty.new(events.raw) }
        end
        expect(child.stderr).to match(
          /\Asafe_pointer:\ release\ of\ Faulty\ address=#{Address::ANY}\ by\ Faulty\.release\ #{Regexp.escape(wording)}\ raised
           \ Faulty::Refusal:\ device\ busy\ \(#{Regexp.escape(__FILE__)}:\d+:in\ .*release'\)\n\z/x
        )
      end

      {
        "raises itself" => -> { raise "no message either" },
        "is nil" => -> {},
        "has several lines" => -> { "first line\nsecond line" },
        "is binary" => -> { "\xff\xfe".b },
        "is in UTF-16" => -> { "wide".encode("UTF-16LE") },
        "is no String" => -> { BasicObject.new },
        "is not implemented" => -> { raise NotImplementedError },
        "raises itself, over and over" => -> { message },
        "runs out of memory" => -> { raise NoMemoryError },
        "exits" => -> { exit 9 }
      }.each do |what, message|
        # A collection at the end of the stack, as stress brings: Ruby has no room to call finalizers there, and says so.
        next if what == "raises itself, over and over" && GCLevel::CURRENT == "stress"

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

      {Interrupt => -> { raise Interrupt }, SystemExit => -> { exit 3 }}.each do |interruption, interrupt|
        it "is a warning, too, and on_release_error's own #{interruption} goes on where a program can take it" do
          child = fork_child do |events|
            SafePointer.on_release_error { |*| interrupt.call }
            have_released(trigger) { Faulty.new(events.raw) }
            events << :end
          rescue interruption
            events << :interrupted
          end
          goes_on = !%i[gc exit].include?(trigger)
          expect(child.events).to match_array [:entered, goes_on ? :interrupted : :end]
          expect(child.stderr.lines.grep(/device busy/).size).to be 1
          expect(child.exitstatus).to be 0
        end
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

      {
        "is an Exception of any class" => [-> { raise NotImplementedError }, NotImplementedError],
        "is a NoMemoryError" => [-> { raise NoMemoryError }, NoMemoryError],
        "is that of a throw to nowhere" => [-> { throw :nowhere }, UncaughtThrowError],
        "is that of a break to nowhere" => [proc { break }, LocalJumpError],
        "is an endless recursion" => [(endless = -> { endless.call }), SystemStackError],
        "is that of a frozen error" => [-> { raise IOError.new("closed").freeze }, IOError],
        "comes from another release" => [-> { SafePointer.new(Oracle.create, ->(_) { raise KeyError }).free }, KeyError]
      }.each do |what, (ending, error_class)|
        it "is reported once if it #{what}" do
          log = in_child do |events|
            SafePointer.on_release_error { |error, info| events << [error.class, info[:trigger]] }
            have_released(trigger) { SafePointer.new(events.raw, ->(_) { ending.call }) }
          end
          expect(log).to eq [[error_class, trigger]]
        end
      end

      {
        "class method release" => ->(raw) { Class.new(SafePointer) { def self.release = nil }.new(raw) },
        "class method release with keywords" =>
          ->(raw) { Class.new(SafePointer) { def self.release(_, now:) = now }.new(raw) },
        "lambda" => ->(raw) { SafePointer.new(raw, -> {}) },
        "method" => ->(raw) { SafePointer.new(raw, Oracle.method(:created)) }
      }.each do |what, make|
        it "is an ArgumentError if a #{what} takes other arguments" do
          log = in_child do |events|
            SafePointer.on_release_error { |error, info| events << [error.class, info[:trigger]] }
            have_released(trigger) { make.call(events.raw) }
          end
          expect(log).to eq [[ArgumentError, trigger]]
        end
      end

      it "names a class whose name raises, or has none" do
        child = fork_child do |events|
          named = Class.new(Faulty) { def self.to_s = raise("no name") }
          have_released(trigger) { [Class.new(Faulty).new(events.raw), named.new(events.raw)] }
        end
        expect(child.stderr.lines)
          .to match_array([a_string_matching(/\Asafe_pointer: release of .* #{wording} raised .*device busy \(.*\)$/)] * 2)
        expect(child).to have_attributes(exitstatus: 0, events: %i[entered entered])
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

RSpec.describe "an error of the library itself in a release" do
  # It looks at the class again, which has changed, and gets no name from the part in Ruby.
  it "is reported like one of the release" do
    log = in_child do |events|
      SafePointer.on_release_error { |error, info| events << [error.class, info[:trigger]] }
      type = Class.new(Handle) { def free = super }
      pointer = type.new(events.raw)
      fiber = Fiber.new { pointer.use { Fiber.yield } }.tap(&:resume)
      pointer.free
      type.define_method(:other) { nil }
      SafePointer.const_get(:Guard).define_singleton_method(:release_behind) { |_| 42 }
      fiber.resume
      events << pointer.freed?
    end
    expect(log).to eq [[TypeError, :lease], true]
  end
end
