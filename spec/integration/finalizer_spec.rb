# frozen_string_literal: true

# One finalizer releases what GC finds dead, and what is left at exit: whatever a release or the program does to it, the
# others are released.
#
# Under stress nothing is left for one collection to find.
RSpec.describe "the finalizer", unless: GCLevel::CURRENT == "stress" do
  # None that comes by itself finds a part of them before.
  def made_for_one_collection(&make)
    GC.disable
    out_of_reach(&make)
  end

  # Ruby drops what comes out of a finalizer, and shows it. Where that is a throw, showing it is a segmentation fault.
  # The end of a thread is one: what has begun does not begin again.
  {
    "throws" => [-> { throw :out }, 66],
    "ends its thread" => [-> { Thread.exit }, 1]
  }.each do |what, (ending, reports)|
    it "releases all that one collection found where each third release #{what}, and reports that" do
      log = in_child do |events|
        SafePointer.on_release_error { |error, info| events << [error.class, info[:class]] }
        count = 0
        release = lambda { |raw|
          Oracle.free(raw)
          ending.call if ((count += 1) % 3).zero?
        }
        made_for_one_collection { 200.times { SafePointer.new(events.raw, release) } }
        # Not on the main thread, which a catch of RSpec's is on.
        Thread.new { catch(:out) { GCLevel.collect } }.join
        events << [:due, SafePointer::ReleaseQueue.default.size] << [:most, count > 190]
      end
      # A stale word on a stack may have kept some to the end of the process.
      expect(log.tally).to eq(:released => 200, [LocalJumpError, SafePointer] => reports, [:due, 0] => 1, [:most, true] => 1)
    end
  end

  # What a release leaves in `$!` meets what the next one rescues.
  it "releases all that one collection found where the report of each third error ends its thread" do
    log = in_child do |events|
      count = 0
      SafePointer.on_release_error { |*| Thread.exit if ((count += 1) % 3).zero? }
      release = lambda { |raw|
        Oracle.free(raw)
        raise "refused"
      }
      made_for_one_collection { 200.times { SafePointer.new(events.raw, release) } }
      $VERBOSE = nil
      Thread.new { GCLevel.collect }.join
      events << [:due, SafePointer::ReleaseQueue.default.size] << [:most, count > 190]
    end
    expect(log.tally).to eq(:released => 200, [:due, 0] => 1, [:most, true] => 1)
  end

  it "leaves the exception alone that the program has rescued, where releases throw" do
    log = in_child do |events|
      SafePointer.on_release_error { |*| nil }
      release = lambda { |raw|
        Oracle.free(raw)
        throw :out
      }
      made_for_one_collection { 200.times { SafePointer.new(events.raw, release) } }
      Thread.new do
        raise IOError, "of the program"
      rescue IOError
        catch(:out) { GCLevel.collect }
        events << $!.message
      end.join
    end
    expect(log).to eq [*[:released] * 200, "of the program"]
  end

  it "goes on where the fibers go on that releases suspend" do
    log = in_child do |events|
      type = Class.new(Handle) do
        define_singleton_method(:release) do |raw|
          Oracle.free(raw)
          Fiber.yield
          events << :resumed
        end
      end
      made_for_one_collection { 20.times { type.new(events.raw) } }
      fiber = Fiber.new { GCLevel.collect }
      fiber.resume
      events << :suspended
      fiber.resume while fiber.alive?
      events << [:due, SafePointer::ReleaseQueue.default.size]
      type.define_singleton_method(:release) { |raw| Oracle.free(raw) }
    end
    expect(log.take(4)).to eq %i[released suspended resumed released]
    expect(log.tally).to include(:released => 20, [:due, 0] => 1)
  end

  it "releases what dies while the program keeps every plain object that Ruby tells of" do
    log = in_child do |events|
      pointers = []
      out_of_reach { 10.times { pointers << Handle.new(events.raw) } }
      objects = ObjectSpace.each_object(Object).select { |object| object.instance_of?(Object) }
      out_of_reach { pointers.clear }
      full_gc
      events << [:collected, objects.empty?]
    end
    expect(log).to eq [*[:released] * 10, [:collected, false]]
  end

  # Ruby calls finalizers until none is due, and each call of the finalizer brings another one that is due one day.
  it "lets Ruby come to an end of its finalizers, under stress, where a TracePoint makes objects" do
    child = run_ruby(<<~RUBY)
      handle = Handle.new(events.raw)
      TracePoint.new(:c_call, :c_return, :b_call, :b_return) { Object.new }.enable do
        GC.stress = true
        handle.free
        GC.stress = false
      end
      events << :end
    RUBY
    expect(child).to be_quiet
    expect(child.events).to eq %i[released end]
  end

  describe "at exit" do
    it "releases what was made after the program has undefined the finalizers of all objects" do
      child = run_ruby(<<~RUBY)
        # Ruby warns that it would be a mistake with literals once these are frozen.
        Warning[:deprecated] = false
        ObjectSpace.each_object { |object| ObjectSpace.undefine_finalizer(object) unless object.frozen? }
        $handles = Array.new(3) { Handle.new(events.raw) }
        events << :end
      RUBY
      expect(child).to be_quiet
      expect(child.events).to eq [:end, *[:released] * 3]
    end

    it "releases nothing before other finalizers are over, whoever calls it" do
      child = run_ruby(<<~RUBY)
        in_rust = ObjectSpace.each_object(Proc).select { |each| each.source_location.nil? && !each.lambda? }
        events << in_rust.size
        $handle = Handle.new(events.raw)
        $owners = Array.new(10) { Object.new }
        $owners.each do |owner|
          ObjectSpace.define_finalizer(owner, proc do
            in_rust.product([[], [nil], [false], [0], [-1]]) { |finalizer, arguments| finalizer.call(*arguments) }
            events << $handle.freed?
          end)
        end
      RUBY
      expect(child).to be_quiet
      # Bundler has left others like them.
      expect(child.events).to match [be >= 2, *[false] * 10, :released]
    end

    {
      "each_object raises" => "ObjectSpace.define_singleton_method(:each_object) { |*| raise 'refused' }",
      "there is no ObjectSpace" => "Object.send(:remove_const, :ObjectSpace)",
      "an enumerator makes no Array" => "Enumerator.define_method(:to_a) { |*| raise 'refused' }",
      # Ruby asks before it calls that of a sentinel and that of the end, then when the one for the last round is defined.
      "no other finalizer can be defined" =>
        "$asked = 0; Proc.define_method(:respond_to?) { |*| ($asked += 1) != 3 }"
    }.each do |what, change|
      it "releases what is left, parents after children, where #{what}" do
        child = run_ruby(<<~RUBY)
          $VERBOSE = nil
          $parent = Handle.new(events.raw(:parent))
          $child = Handle.new(events.raw(:child), parent: $parent)
          at_exit { #{change} }
        RUBY
        expect(child.events).to eq [%i[released child], %i[released parent]]
      end
    end
  end
end
