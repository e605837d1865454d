# frozen_string_literal: true

require_relative "../support/ractors"

# FFI::AutoPointer made safe in place while other threads, fibers and Ractors use pointers. Each example is a program of
# its own: what has been replaced stays so.
RSpec.describe "require \"safe_pointer/auto_pointer\" while pointers are in use" do
  # The event log of a program that must end quietly.
  def log_of(source)
    child = run_ruby(source)
    RSpec::Expectations.fail_with("the program did not end quietly: #{child.inspect}") unless child.quiet?
    child.events
  end

  classes = <<~'RUBY'
    class Plain < FFI::AutoPointer
      def self.release(raw) = Oracle.free(raw)
    end
    class Calling < FFI::AutoPointer
      def initialize(raw) = super(raw, Oracle.method(:free))
    end
    class WithSuper < Plain
      def free
        super
        nil
      end
    end
    class Flagged < Plain
      def free
        return if @freed

        @freed = true
        self.autorelease = false
        Oracle.free(self)
        nil
      end
    end
    class Managed < FFI::ManagedStruct
      layout :x, :int
      def self.release(raw) = Oracle.free(raw)
      def free = pointer.free
    end
  RUBY
  kinds = {
    "a release of its class" => "Plain", "a callable" => "Calling", "a free that calls super" => "WithSuper",
    "a free of its own" => "Flagged", "a struct" => "Managed"
  }

  # What another thread does at a moment of the replacement. `old` was made before; what is made anew is `fresh`.
  deeds = {
    "frees" => "freed(old.free)",
    "frees twice" => "freed(old.free) && old.free",
    "makes and frees" => "freed(fresh.free)",
    "makes and leaves" => "KEPT << fresh",
    "asks whether it is done, and leaves" => "SafePointer.replaced_auto_pointer?; KEPT << old"
  }
  # Those for which structs have no methods.
  deeds_of_pointers = {
    "keeps from GC, and frees" => "old.autorelease = false; freed(old.free)",
    "keeps from GC and leaves to it again" => "old.autorelease = false; old.autorelease = true; KEPT << old",
    "asks" => "(events << :not_released_at_gc unless old.autorelease?); KEPT << old"
  }

  # Under GC stress each takes some hundred times as long.
  moments = GCLevel::CURRENT == "stress" ? 30 : 1_500
  tried = GCLevel::CURRENT == "stress" ? kinds.slice("a callable", "a free of its own") : kinds

  # Has `deed` done when the replacement calls this method of the extension.
  def at(method, deed)
    <<~RUBY
      step = TracePoint.new(:c_call) do |call|
        next unless call.method_id == :#{method}

        step.disable
        #{deed}
      end
      step.enable { require "safe_pointer/auto_pointer" }
    RUBY
  end

  it "what is freed by ffi's method while that is replaced is released once, its releaser frozen" do
    log = log_of(<<~RUBY)
      #{classes}
      pointer = Plain.new(events.raw)
      pointer.instance_variable_get(:@releaser).freeze
      #{at(:begin_replacement, "(pointer.free rescue events << $!.class)")}
      2.times { pointer.free }
      events << pointer.freed?
    RUBY
    expect(log).to eq [:released, FrozenError, true]
  end

  it "what is made by ffi's constructor with an allocator of ours is released once" do
    log = log_of(<<~RUBY)
      #{classes}
      #{at(:install_constructor, "KEPT = [Plain.new(events.raw(:freed)), Plain.new(events.raw(:kept))]")}
      2.times { KEPT.first.free }
      events << KEPT.map(&:freed?)
    RUBY
    expect(log).to eq [%i[released freed], [true, false], %i[released kept]]
  end

  # A stack refers to both of them, and has one call.
  [false, true].each do |frozen|
    it "a thread that frees one of two that it has, releases each once#{", where they are frozen" if frozen}" do
      log = log_of(<<~RUBY)
        BEGUN, DONE = Array.new(2) { Thread::Queue.new }
        release = lambda do |raw|
          BEGUN << true
          DONE.pop
          Oracle.free(raw)
        end
        pointers = %i[one other].map { |name| FFI::AutoPointer.new(events.raw(name), release) }
        thread = Thread.new do
          one, other = pointers.map { |pointer| pointer.instance_variable_get(:@releaser) }
          [one, other].each(&:freeze) if #{frozen}
          begin
            one.free
          rescue FrozenError
            events << :frozen
          end
          other.autorelease
        end
        BEGUN.pop
        require "safe_pointer/auto_pointer"
        events << pointers.last.freed?
        2.times { DONE << true }
        thread.join
        2.times { pointers.each(&:free) }
        events << pointers.map(&:freed?)
      RUBY
      # Of a frozen one ffi does not note that it has released, so it may be that already.
      expect(log - [:frozen, *([%i[released other]] if frozen)]).to eq [
        false, %i[released one], *([%i[released other]] unless frozen), [true, true]
      ]
    end
  end

  tried.each do |kind, type|
    [*deeds, *(deeds_of_pointers unless type == "Managed")].each do |what, deed|
      it "another thread #{what} what has #{kind}, at every moment, and all is released once" do
        log = log_of(<<~RUBY)
          require "support/interleavings"
          #{classes}
          KEPT = []
          # There are about so many moments until those that exist are gone through.
          OLD = Array.new(#{moments}) { #{type}.new(Oracle.create) }

          def fresh = #{type}.new(Oracle.create)

          # Freed, and nothing else: only this thread runs.
          def freed(result)
            @before ||= 0
            events << [:freed, result, Oracle.released - @before] unless result.nil? && Oracle.released == @before + 1
          end

          Interleavings.at_first_moments(OLD.size, -> { require "safe_pointer/auto_pointer" }) do
            @before = Oracle.released
            old = OLD.pop
            #{deed}
            KEPT << old
          end
          events << [:left, OLD.size, SafePointer.replaced_auto_pointer?]
          KEPT.each(&:free)
          KEPT.each(&:free)
          events << Oracle.live
        RUBY
        expect(log - [:released]).to eq [[:left, 0, true], 0]
      end
    end
  end

  it "four threads make and free, and all is released once" do
    log = log_of(<<~RUBY)
      #{classes}
      TYPES = [#{kinds.values.join(", ")}].freeze
      KEPT = Array.new(200) { |index| TYPES[index % TYPES.size].new(Oracle.create) }
      # Each goes on until it has made some afterwards, too.
      made = Array.new(4) { 0 }
      threads = made.each_index.map do |number|
        Thread.new do
          mine = []
          left = #{moments / 5}
          while left.positive?
            left -= 1 if SafePointer.replaced_auto_pointer?
            made[number] += 1
            mine << TYPES.sample.new(Oracle.create)
            mine.delete_at(rand(mine.size)).free if mine.size > 10
            mine.shift if rand < 0.1
          end
          mine
        end
      end
      Thread.pass until made.all? { |count| count > #{moments / 15} }
      require "safe_pointer/auto_pointer"
      KEPT.concat(threads.flat_map(&:value))
      2.times { KEPT.each(&:free) }
      events << [:made, Oracle.created]
    RUBY
    made = log.grep(Array).to_h.fetch(:made)
    expect(log.count(:released)).to eq made
  end

  # Each begins the release of POINTER, and has it wait in the midst of that until `go_on`; `done` waits for its end.
  ways = {
    "on another thread" => <<~RUBY,
      LEFT = Thread::Queue.new
      def pause = LEFT.pop
      thread = Thread.new { POINTER.free }
      Thread.pass until $entered
      go_on = -> { LEFT << true; thread.join }
    RUBY
    "in a fiber" => <<~RUBY
      def pause = Fiber.yield
      fiber = Fiber.new { POINTER.free }
      fiber.resume
      go_on = -> { fiber.resume }
    RUBY
  }
  endings = { "returns" => "nil", "raises" => "raise(IOError, 'busy')" }

  ways.to_a.product(%w[Plain WithSuper], endings.to_a).each do |(where, begin_it), base, (ending, end_it)|
    it "a release of #{base} that is under way #{where} and #{ending} is the only one" do
      log = log_of(<<~RUBY)
        Thread.report_on_exception = false
        #{classes}
        class Slow < #{base}
          def self.release(raw)
            Oracle.free(raw)
            $entered = true
            pause
            #{end_it}
          end
        end
        POINTER = Slow.new(events.raw)
        #{begin_it}
        require "safe_pointer/auto_pointer"
        events << [POINTER.free, POINTER.free]
        # A method like this has the pointer shown its releaser, which is ffi's until the release is over.
        def POINTER.releaser = @releaser
        begin
          go_on.call
        rescue IOError => error
          events << error.message
        end
        events << [POINTER.free, POINTER.freed?, POINTER.null?]
      RUBY
      expect(log).to eq [:released, [nil, nil], *("busy" if ending == "raises"), [nil, true, true]]
    end
  end

  # By what backtraces and stacks show, two releases of ffi's might be under way.
  it "a function named free that is called as the release counts for one, and what else the stack refers to is released" do
    log = log_of(<<~RUBY)
      module Gate
        extend FFI::Library
        ffi_lib Oracle.build
        attach_function :free, :oracle_free_at_gate, [:pointer], :void, blocking: true
      end
      freed, other = %i[freed other].map { |name| FFI::AutoPointer.new(events.raw(name), Gate.method(:free)) }
      Oracle.close_gate
      thread = Thread.new(other.instance_variable_get(:@releaser)) do |releaser|
        freed.free
        releaser
      end
      Thread.pass until Oracle.waiting == 1
      require "safe_pointer/auto_pointer"
      Oracle.open_gate
      thread.join
      [freed, other].each(&:free)
      events << [freed.freed?, other.freed?]
    RUBY
    expect(log).to eq [
      %i[at_gate freed], %i[released freed], %i[at_gate other], %i[released other], [true, true]
    ]
  end

  it "a release may require it" do
    log = log_of(<<~RUBY)
      class Requiring < FFI::AutoPointer
        def self.release(raw)
          require "safe_pointer/auto_pointer"
          Oracle.free(raw)
        end
      end
      pointer = Requiring.new(events.raw)
      events << [pointer.free, pointer.free, pointer.freed?, pointer.null?]
    RUBY
    expect(log).to eq [:released, [nil, nil, true, true]]
  end

  it "it takes over what exists after a Ractor has been started" do
    log = log_of(<<~RUBY)
      Warning[:experimental] = false
      #{classes}
      plain, left = Plain.new(events.raw(:plain)), Plain.new(events.raw(:left))
      own = Class.new(FFI::AutoPointer) do
        def self.release(raw) = events << :second
        def free = Oracle.free(self)
      end.new(events.raw(:own))
      Ractor.new { 1 }.value
      require "safe_pointer/auto_pointer"
      plain.free
      own.free
      events << [plain.freed?, own.freed?, left.use { :used }]
    RUBY
    expect(log).to eq [[:released, :plain], [:released, :own], [true, true, :used], [:released, :left]]
  end
end
