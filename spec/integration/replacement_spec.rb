# frozen_string_literal: true

require "open3"
require "tmpdir"

# FFI::AutoPointer made safe in place. Each example is a program of its own: what has been replaced stays so.
RSpec.describe "require \"safe_pointer/auto_pointer\"" do
  # The event log of a program that must end quietly.
  def log_of(source)
    child = run_ruby(source)
    RSpec::Expectations.fail_with("the program did not end quietly: #{child.inspect}") unless child.quiet?
    child.events
  end

  # A subclass whose free destroys, and which says when its class's release is called.
  texture = <<~'RUBY'
    class Texture < FFI::AutoPointer
      def self.release(raw)
        events << :class_release
        Oracle.free(raw)
      end

      def free
        events << :own_free
        Oracle.free(self)
      end
    end
  RUBY
  require_it = "require \"safe_pointer/auto_pointer\"\n"

  it "says whether it was done" do
    log = log_of(<<~RUBY)
      events << SafePointer.replaced_auto_pointer?
      events << (require "safe_pointer/auto_pointer")
      events << SafePointer.replaced_auto_pointer?
    RUBY
    expect(log).to eq [false, true, true]
  end

  it "has the pointers of classes from before made as those of later ones are, without ffi's constructor" do
    log = log_of(<<~RUBY)
      class Early < FFI::AutoPointer
        def self.release(raw) = Oracle.free(raw)
      end
      class Heir < Early; end
      #{require_it}
      class Late < Early; end
      [Early, Heir, Late].each do |type|
        raw = events.raw(type.name)
        watch = TracePoint.new(:c_call) { |call| events << call.method_id if call.defined_class.equal?(FFI::Pointer) }
        watch.enable { type.new(raw) }.free
      end
    RUBY
    expect(log).to eq [%i[released Early], %i[released Heir], %i[released Late]]
  end

  # Where the line that replaces stands.
  {
    "before its users" => [require_it, "", ""],
    "after its subclasses" => ["", require_it, ""],
    "after its objects" => ["", "", require_it],
    "everywhere" => [require_it, require_it, require_it]
  }.each do |what, (before, between, after)|
    it "makes subclasses with a free of their own safe #{what}" do
      log = log_of(<<~RUBY)
        #{before}
        #{texture}
        #{between}
        freed = Texture.new(events.raw(:freed))
        $kept = Texture.new(events.raw(:kept))
        #{after}
        freed.free
        events << [freed.free, freed.freed?, freed.null?]
        full_gc
        events << :collected
      RUBY
      expect(log).to eq [
        :own_free, [:released, :freed], [nil, true, true], :collected, :class_release, [:released, :kept]
      ]
    end

    it "leaves what GC finds to the class's release #{what}" do
      log = log_of(<<~RUBY)
        #{before}
        #{texture}
        #{between}
        out_of_reach { Texture.new(events.raw) }
        #{after}
        full_gc
        events << :collected
      RUBY
      expect(log).to eq [:class_release, :released, :collected]
    end

    it "makes plain pointers safe #{what}" do
      log = log_of(<<~RUBY)
        #{before}
        destructor = Oracle.method(:free)
        #{between}
        freed = FFI::AutoPointer.new(events.raw(:freed), destructor)
        $kept = FFI::AutoPointer.new(events.raw(:kept), destructor)
        $failing = FFI::AutoPointer.new(events.raw(:failing), ->(_) { events << :entered and raise "busy" })
        #{after}
        events << [freed.free, freed.free, freed.freed?, freed.null?]
        events << ($failing.free rescue $!.message) << $failing.free
      RUBY
      expect(log).to eq [[:released, :freed], [nil, nil, true, true], :entered, "busy", nil, [:released, :kept]]
    end

    it "makes FFI::ManagedStruct safe #{what}" do
      log = log_of(<<~RUBY)
        #{before}
        class Point < FFI::ManagedStruct
          layout :x, :int, :y, :int
          def self.release(raw) = Oracle.free(raw)
          def free = Oracle.free(pointer)
        end
        #{between}
        freed = Point.new(events.raw(:freed))
        $kept = Point.new(events.raw(:kept))
        $kept[:x] = 42
        #{after}
        freed.free
        events << [freed.free, (freed[:x] rescue $!.class), $kept[:x], $kept.pointer.freed?]
      RUBY
      expect(log).to eq [[:released, :freed], [nil, FFI::NullPointerError, 42, false], [:released, :kept]]
    end
  end

  # Each makes $pointer before the replacement; what it is afterwards, and what is logged when it is freed, and
  # when it is left to the exit.
  {
    "a live one" => ["", [true, false], [:released], [:released]],
    "a freed one" => ["$pointer.free", [false, true], [], []],
    "one that is not to be released" => ["$pointer.autorelease = false", [false, false], [:released], []],
    "one that is to be released again" =>
      ["$pointer.autorelease = false; $pointer.autorelease = true", [true, false], [:released], [:released]],
    "one with singleton methods" => ["def $pointer.title = :main", [true, false], [:released], [:released]],
    "one in use by a Struct" =>
      ["$struct = Class.new(FFI::Struct) { layout :x, :int }.new($pointer)", [true, false], [:released], [:released]],
    "a frozen one" => ["$pointer.freeze", [true, false], [:released], [:released]],
    "a frozen one that is freed" => ["$pointer.freeze.free", [false, true], [], []],
    "one whose releaser is frozen" =>
      ["$pointer.instance_variable_get(:@releaser).freeze", [true, false], [:released], [:released]],
    "one whose releaser is frozen, and not to release" => [
      "$pointer.autorelease = false; $pointer.instance_variable_get(:@releaser).freeze", [false, false], [:released], []
    ],
    "one with another @releaser" => [
      "$pointer.free; ObjectSpace.undefine_finalizer($pointer); $pointer.instance_variable_set(:@releaser, Object.new)",
      [false, false], [], []
    ],
    "one whose releaser's pointer is wiped" =>
      ["$pointer.instance_variable_get(:@releaser).instance_variable_set(:@ptr, nil)", [false, true], [], []],
    "one that was never initialized" => ["$pointer.free; $pointer = Plain.allocate", [false, false], [], []],
    "one on NULL" => ["$pointer.free; $pointer = Plain.new(FFI::Pointer::NULL)", [true, false], [], []]
  }.each do |what, (code, state, at_free, at_exit)|
    program = <<~RUBY
      class Plain < FFI::AutoPointer
        def self.release(raw) = Oracle.free(raw)
      end

      $pointer = Plain.new(events.raw)
      #{code}
      events << :replacing
      require "safe_pointer/auto_pointer"
      events << [$pointer.autorelease?, $pointer.freed?]
    RUBY

    it "takes #{what} over, to be freed once" do
      log = log_of("#{program}\n2.times { events << [:free, $pointer.free] }").drop_while { |event| event != :replacing }
      expect(log).to eq [:replacing, state, *at_free, [:free, nil], [:free, nil]]
    end

    it "takes #{what} over, to be released at exit" do
      log = log_of("#{program}\nevents << :ending").drop_while { |event| event != :ending }
      expect(log).to eq [:ending, *at_exit]
    end
  end

  # ffi's pointers keep their address after free, but not where what has replaced them finds it.
  it "has what was freed before equal itself alone, too" do
    log = log_of(<<~RUBY)
      first, second = Array.new(2) { FFI::AutoPointer.new(events.raw, Oracle.method(:free)) }
      [first, second].each(&:free)
      require "safe_pointer/auto_pointer"
      events << [first, second].map { |pointer| [pointer.freed?, pointer.null?, pointer.released_address] }
      events << [first == first.itself, first == second, first == nil, first == FFI::Pointer::NULL]
    RUBY
    expect(log).to eq [:released, :released, [[true, true, 0]] * 2, [true, false, false, false]]
  end

  it "has the releasers of ffi answer for what theirs know" do
    log = log_of(<<~RUBY)
      pointer = FFI::AutoPointer.new(events.raw, ->(_) { events << :replaced })
      releaser = pointer.instance_variable_get(:@releaser)
      require "safe_pointer/auto_pointer"
      events << (releaser.instance_variable_get(:@ptr).address == pointer.address)
      events << releaser.instance_variable_set(:@proc, Oracle.method(:free)).name
      events << (releaser.instance_variable_get(:@proc) == Oracle.method(:free))
      pointer.free
    RUBY
    expect(log).to eq [true, :free, true, :released]
  end

  # It is asked whether it has another method `release`.
  it "gives a releaser one successor where it is freed while it gets it" do
    log = log_of(<<~RUBY)
      pointer = FFI::AutoPointer.new(events.raw, Oracle.method(:free))
      asks = true
      pointer.instance_variable_get(:@releaser).define_singleton_method(:method) do |name|
        if asks
          asks = false
          events << free
        end
        super(name)
      end
      require "safe_pointer/auto_pointer"
      2.times { pointer.free }
      events << pointer.freed?
    RUBY
    expect(log).to eq [:released, nil, true]
  end

  it "has a frozen pointer collected" do
    log = log_of(<<~RUBY)
      out_of_reach { FFI::AutoPointer.new(events.raw, Oracle.method(:free)).freeze }
      require "safe_pointer/auto_pointer"
      full_gc
      events << :collected
    RUBY
    expect(log).to eq [:released, :collected]
  end

  it "releases what is frozen by a free of its own once" do
    log = log_of(<<~RUBY)
      #{texture}
      $frozen = Texture.new(events.raw).freeze
      require "safe_pointer/auto_pointer"
      2.times { $frozen.free }
      events << :freed
    RUBY
    expect(log).to eq [:own_free, :released, :freed]
  end

  it "guards what objects can do alone: singleton methods and modules" do
    log = log_of(<<~RUBY)
      single, extended = %i[single extended].map { |name| FFI::AutoPointer.new(events.raw(name), Oracle.method(:free)) }
      def single.free = Oracle.free(self)
      extended.extend(Module.new { def free = Oracle.free(self) })
      $kept = [single, extended]
      require "safe_pointer/auto_pointer"
      events << $kept.map { |pointer| [pointer.free, pointer.free, pointer.freed?] }
    RUBY
    expect(log).to eq [[:released, :single], [:released, :extended], [[nil, nil, true]] * 2]
  end

  it "keeps the very object that was wrapped, and the memory it is a part of" do
    log = log_of(<<~RUBY)
      wrapped = Class.new(FFI::Pointer) { attr_accessor :tag }.new(events.raw)
      wrapped.tag = :mine
      pointer = FFI::AutoPointer.new(wrapped, ->(given) { events << given.tag and Oracle.free(given) })
      out_of_reach do
        part = FFI::MemoryPointer.new(:int, 2).write_array_of_int([1, 42]).slice(4, 4)
        $part = FFI::AutoPointer.new(part, ->(given) { events << given.read_int })
      end
      require "safe_pointer/auto_pointer"
      full_gc
      pointer.free
      $part.free
    RUBY
    expect(log).to eq [:mine, :released, 42]
  end

  it "changes nothing when it is required, loaded or asked for again" do
    log = log_of(<<~RUBY)
      $kept = FFI::AutoPointer.new(events.raw, Oracle.method(:free))
      events << (require "safe_pointer/auto_pointer") << (require "safe_pointer/auto_pointer")
      methods = FFI::AutoPointer.instance_methods(false).to_h { |name| [name, FFI::AutoPointer.instance_method(name)] }
      load $LOADED_FEATURES.grep(/safe_pointer.auto_pointer.rb/).first
      events << (FFI::AutoPointer.instance_methods(false).sort == methods.keys.sort)
      events << methods.all? { |name, method| method == FFI::AutoPointer.instance_method(name) }
    RUBY
    expect(log).to eq [true, false, true, true, :released]
  end

  it "guards the class's release called by hand, of classes and objects that exist" do
    log = log_of(<<~RUBY)
      class Plain < FFI::AutoPointer
        def self.release(raw) = Oracle.free(raw)
      end
      $pointers = Array.new(2) { Plain.new(events.raw) }
      require "safe_pointer/auto_pointer"
      $pointers.each { |pointer| Plain.release(pointer) }
      events << $pointers.map { |pointer| [pointer.free, pointer.freed?] }
    RUBY
    expect(log).to eq [:released, :released, [[nil, true]] * 2]
  end

  {
    "hash" => "(data) = data.sum", "send" => "(socket, data) = socket.write(data)", "send " => "(*) = nil",
    "ancestors" => "(node) = node.all", "superclass" => "(node) = node.up", "subclasses" => "(tree) = tree.all",
    "instance_methods" => "(object) = object.all", "singleton_class" => "(type) = type.one", "==" => "(_) = raise",
    "<=" => "(_) = raise", "public" => "(key) = key.public", "private" => "(key) = key.private",
    "release_queue" => "(queue) = 0", "fork_policy" => "(server) = server.fork", "prepend" => "(*) = raise"
  }.each do |name, definition|
    it "does not mind a class method #{name.strip}#{definition}" do
      code = <<~RUBY
        class Texture < FFI::AutoPointer
          def self.#{name.strip}#{definition}
          def self.release(raw) = Oracle.free(raw)
          def free = Oracle.free(self)
        end
      RUBY
      use = <<~RUBY
        texture = Texture.new(events.raw)
        3.times { texture.free }
        events << texture.freed?
      RUBY
      expect(log_of("#{code}#{require_it}#{use}")).to eq [:released, true]
      expect(log_of("#{require_it}#{code}#{use}")).to eq [:released, true]
    end
  end

  it "says of a frozen singleton class that its free is not guarded" do
    child = run_ruby(<<~RUBY)
      $pointer = FFI::AutoPointer.new(events.raw, Oracle.method(:free))
      class << $pointer
        def free = super
        freeze
      end
      require "safe_pointer/auto_pointer"
      2.times { $pointer.free }
    RUBY
    expect(child.events).to eq [:released]
    warning = "the singleton class of a FFI::AutoPointer is frozen: its free is not guarded"
    expect(child.stderr).to eq "safe_pointer: #{warning}\n"
  end

  # Nothing can be put into a frozen class.
  describe "with a frozen subclass" do
    # How often a pointer is released that is freed twice and kept until exit, and what is not guarded.
    {
      "whose free calls its release" => ["def free = self.class.release(self)\nfreeze", 3, %w[free release]],
      "whose free calls super" => ["def free = super\nfreeze", 1, %w[free release]],
      "without a free" => ["freeze", 1, %w[release]],
      "whose methods are from mixins" =>
        ["include(Module.new { def free = super })\nfreeze", 1, %w[free release]],
      "of which the singleton class is frozen" =>
        ["def free = self.class.release(self)\nsingleton_class.freeze", 1, %w[release]]
    }.each do |which, (body, count, lacking)|
      ["before", "after"].each do |time|
        it "#{which}, replaces the others, and leaves a pointer made #{time} it what there is" do
          make = "$pointer = Frozen.new(FFI::Pointer.new(8))"
          child = run_ruby(<<~RUBY)
            class Before < FFI::AutoPointer
              def free = Oracle.free(self)
            end
            class Frozen < FFI::AutoPointer
              def self.release(_) = events << :release
              #{body}
            end
            class After < FFI::AutoPointer
              def free = Oracle.free(self)
            end
            #{make if time == "before"}
            require "safe_pointer/auto_pointer"
            events << SafePointer.replaced_auto_pointer?
            #{make if time == "after"}
            2.times { Frozen.new(FFI::Pointer.new(8)).autorelease = false }
            others = [Before, After].map { |type| type.new(events.raw, Oracle.method(:free)) }
            2.times { [$pointer, *others].each(&:free) }
            events << others.map(&:freed?)
          RUBY
          warnings = lacking.map { |name| "safe_pointer: Frozen is frozen: its #{name} is not guarded\n" }
          expect([child.stdout, child.stderr.lines, child.status.success?]).to eq ["", warnings, true]
          expect(child.events.tally).to eq(true => 1, release: count, released: 2, [true, true] => 1)
        end
      end
    end

    it "whose methods are aliases of ffi's, leaves them to ffi" do
      child = run_ruby(<<~RUBY)
        class Frozen < FFI::AutoPointer
          def self.release(raw) = Oracle.free(raw)
          alias_method :dispose, :free
          freeze
        end
        require "safe_pointer/auto_pointer"
        $pointer = Frozen.new(events.raw)
        2.times { $pointer.dispose }
        events << SafePointer.replaced_auto_pointer?
      RUBY
      expect(child.stderr.lines).to eq [
        "safe_pointer: Frozen is frozen: its dispose is still that of ffi\n",
        "safe_pointer: Frozen is frozen: its release is not guarded\n"
      ]
      expect(child.events).to eq [:released, true]
    end

    it "guards the subclasses of that" do
      child = run_ruby(<<~RUBY)
        class Frozen < FFI::AutoPointer
          def self.release(raw) = Oracle.free(raw)
          def free = self.class.release(self)
          freeze
        end
        class Heir < Frozen
        end
        require "safe_pointer/auto_pointer"
        $pointer = Heir.new(events.raw)
        events << [$pointer.free, $pointer.free, $pointer.freed?]
      RUBY
      expect(child.events).to eq [:released, [nil, nil, true]]
    end
  end

  it "leaves SafePointer itself as it is" do
    log = log_of(<<~RUBY)
      before = Handle.new(events.raw(:before))
      require "safe_pointer/auto_pointer"
      $kept = Handle.new(events.raw(:kept))
      before.free
      events << [before.free, $kept.freed?, SafePointer.ancestors.include?(FFI::AutoPointer)]
    RUBY
    expect(log).to eq [[:released, :before], [nil, false, false], [:released, :kept]]
  end
end
