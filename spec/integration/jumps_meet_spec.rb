# frozen_string_literal: true

# Where a call is on its way out, by an error or a jump, and a release that is due then has something else come out: as
# with Ruby's `ensure`, what is to end more than the call is not lost.
RSpec.describe "what comes out of a release while something else is on its way" do
  comes = {
    "the end of the thread" => -> { Thread.current.kill },
    "an exit" => -> { exit 3 },
    "an interrupt" => -> { raise Interrupt },
    "a throw" => -> { throw :outer, :thrown_further }
  }
  on_its_way = {
    "a throw" => -> { throw :inner, :thrown },
    "an error" => -> { raise IOError, "busy" },
    "nothing" => -> {}
  }

  # What becomes of a thread that calls the block.
  def outcome
    thread = Thread.new do
      Thread.current.report_on_exception = false
      catch(:outer) do
        catch(:inner) do
          yield
          :went_on
        end.then { |value| [value, :after_inner] }
      end.then { |value| [value, :after_outer] }
    end
    thread.value || :killed
    # An exit of the thread may come out before its value is asked for.
  rescue SystemExit, Interrupt, IOError => error
    error.class
  end

  # The outcome in a process of its own, as the exit of a thread is that of the process.
  def outcome_in_child(&body)
    in_child { |events| events << outcome(&body) }
  end

  # What Ruby does.
  def ensured(first, later)
    outcome_in_child do
      first.call
    ensure
      later.call
    end
  end

  def pointer(parent: nil, &release)
    SafePointer.new(FFI::Pointer.new(16), parent: parent, &release)
  end

  on_its_way.to_a.product(comes.to_a).each do |(what, first), (other, later)|
    it "#{other} comes out of a lease, which #{what} ends" do
      log = outcome_in_child do
        released = pointer { later.call }
        released.use do
          released.free
          first.call
        end
      end
      expect(log).to eq ensured(first, later)
    end

    it "#{other} comes out of a parent's release, after #{what} has come out of a child's" do
      log = outcome_in_child do
        parent = pointer { later.call }
        child = pointer(parent: parent) { first.call }
        parent.free
        child.free
      end
      expect(log).to eq ensured(first, later)
    end

    it "#{other} comes out of a parent's release, after #{what} has come out of a child's own free" do
      type = Class.new(Handle) { define_method(:free) { first.call } }
      log = outcome_in_child do
        parent = pointer { later.call }
        child = type.new(FFI::Pointer.new(16), parent: parent)
        parent.free
        child.free
      end
      expect(log).to eq ensured(first, later)
    end
  end

  comes.each do |what, later|
    it "#{what} comes out of a lease that a break ends" do
      log = outcome_in_child do
        released = pointer { later.call }
        released.use do
          released.free
          break
        end
      end
      expect(log).to eq ensured(-> {}, later)
    end
  end

  it "an exit comes out of a subscriber, after an error has come out of the release" do
    log = in_child do |events|
      released = pointer { raise IOError, "busy" }
      SafePointer.subscribe { |event| exit 3 if event.name == :failed }
      events << outcome { released.free }
    end
    expect(log).to eq [SystemExit]
  end

  it "is an error that is reported, and what is on its way goes on" do
    log = in_child do |events|
      released = pointer { raise IOError, "busy" }
      SafePointer.on_release_error { |error, _| events << error.class }
      events << outcome do
        released.use do
          released.free
          throw :inner, :thrown
        end
      end
    end
    expect(log).to eq [IOError, [[:thrown, :after_inner], :after_outer]]
  end
end
