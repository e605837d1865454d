# frozen_string_literal: true

# Ruby drops what jumps out of a finalizer, and what it keeps of the jump in the place of the current exception (`$!`)
# has crashed the process with the next error.
RSpec.describe "a jump at GC or exit," do
  # What of the program's runs there.
  places = {
    "out of the release" => "$end_release = JUMP",
    "out of on_release_error" => "SafePointer.on_release_error { |*| JUMP.call }",
    "out of the error's message" => "IOError.define_method(:message) { JUMP.call }",
    "out of the name of the class" => "def Handle.to_s = JUMP.call",
    "out of the warning of an error" => "Warning.singleton_class.define_method(:warn) { |*, **| JUMP.call }",
    "out of a subscriber" => "SafePointer.subscribe { |event| JUMP.call if event.trigger }"
  }

  # `jumping` does its work within what they go to. At exit that is gone.
  jumps = {
    "a throw" => "catch(:out) { jumping { throw :out } }",
    "a break" => "jumping { break }",
    "an exit" => "jumping { exit 9 }",
    "the end of the thread" => "jumping { Thread.exit }"
  }

  pointer = "Handle.new(Oracle.create)"
  # What owns a pointer without being one has its release for a finalizer of its own.
  owner = "SafePointer::Releaser.attach(Object.new, Oracle.create, Handle.method(:release))"

  def after_jumps(place, jump, work)
    run_ruby(<<~RUBY)
      JUMP = -> { $jump.call }
      $end_release = -> { raise IOError }
      def Handle.release(raw)
        Oracle.free(raw)
        $end_release.call
      end
      #{place}
      def jumping(&jump)
        $jump = jump
        #{work}
      end
      Thread.new do
        #{jump}
        events << $!
        events << [-> { Handle.new(nil) }, -> { raise KeyError }].map { |error| error.call rescue [$!.class, $!.cause] }
        $end_release = -> {}
        $jump = -> {}
        Handle.new(Oracle.create).free
        events << :end
      end.join
    RUBY
  end

  in_order = [[TypeError, nil], [KeyError, nil]]

  # Of five that GC has released, and what came after.
  define_method(:expect_all_in_order) do |child|
    expect(child).to have_attributes(exitstatus: 0), child.inspect
    expect(child.events).to eq [*[:released] * 5, :went_on, nil, in_order, :released, :end]
  end

  places.to_a.product(jumps.to_a, [["a pointer", pointer], ["an owner", owner]]).each do |(where, place), (what, jump), (whose, made)|
    it "#{what} #{where}, keeps nothing of #{whose} from its release at GC, and later errors are as they should be" do
      child = after_jumps(place, jump, <<~RUBY)
        out_of_reach { 5.times { #{made} } }
        full_gc
        events << :went_on
      RUBY
      expect_all_in_order(child)
    end
  end

  jumps.each do |what, jump|
    it "#{what} out of a free that had waited for an owner keeps nothing from its release at GC" do
      child = after_jumps("", jump, <<~RUBY)
        $end_release = -> {}
        waiting = Class.new(Handle) { def free = JUMP.call }
        out_of_reach do
          5.times do
            parent = waiting.new(Oracle.create)
            SafePointer::Releaser.attach(Object.new, Oracle.create, Oracle.method(:free), parent: parent)
            parent.free
          end
        end
        full_gc
        events << :went_on
      RUBY
      expect_all_in_order(child)
    end
  end

  it "a throw out of a releaser that is another object's finalizer, during an own free, is an error" do
    child = run_ruby(<<~RUBY)
      jumping = Class.new(SafePointer) do
        def self.release(_) = throw(:out)
        def releaser = @releaser

        def free
          OWNERS.clear
          2.times { GC.start }
          :own
        end
      end
      OWNERS = []
      pointer = jumping.new(Oracle.create)
      out_of_reach do
        OWNERS.concat(Array.new(5) { Object.new })
        OWNERS.each { |owner| ObjectSpace.define_finalizer(owner, pointer.releaser) }
      end
      events << catch(:out) { pointer.free } << $! << pointer.freed?
    RUBY
    expect(child).to have_attributes(exitstatus: 0), child.inspect
    expect(child.events).to eq [:own, nil, true]
  end

  places.to_a.product(jumps.to_a).each do |(where, place), (what, jump)|
    it "#{what} #{where}, keeps nothing from its release at exit" do
      child = after_jumps(place, jump, <<~RUBY)
        $kept = Array.new(3) { Handle.new(Oracle.create) }
        at_exit do
          $end_release = #{place.start_with?("$end") ? "JUMP" : "-> { raise IOError }"}
          $jump = jump
        end
      RUBY
      expect(child).to have_attributes(exitstatus: 0), child.inspect
      expect(child.events).to eq [nil, in_order, :released, :end, *[:released] * 3]
    end
  end
end
