# frozen_string_literal: true

require_relative "../support/ractors"

# What classes declare, and what is read of it in another Ractor and in a fork.
RSpec.describe "in a Ractor," do
  include Ractors

  it "a class may be defined, and used first, with a free of its own" do
    child = run_in_ractor(<<~RUBY)
      type = Class.new(SafePointer) do
        def self.release(raw) = Oracle.free(raw)
        def free(how = :plain)
          super()
          how
        end
      end
      pointer = type.new(Oracle.create)
      [pointer.free(:own), pointer.free(:own), pointer.freed?]
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [:released, [:own, nil, true]])
  end

  it "a class that was defined outside may be used first, and others use it afterwards" do
    child = run_ruby(<<~RUBY)
      Warning[:experimental] = false
      class Unused < SafePointer
        def self.release(raw) = Oracle.free(raw)
        def free = super
      end
      ractors = Array.new(4) { Ractor.new { Unused.new(Oracle.create).then { |pointer| 2.times { pointer.free } } } }
      ractors.each(&:value)
      pointer = Unused.new(events.raw(:main))
      2.times { pointer.free }
      events << pointer.freed?
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [*[:released] * 4, %i[released main], true])
  end

  it "names declared with frees_with are guarded" do
    child = run_in_ractor("handle = Closing.new(Oracle.create); [handle.close, handle.close, handle.freed?]", <<~RUBY)
      class Closing < Handle
        frees_with :close
        def close = Oracle.free(self) || :closed
      end
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [:released, [:closed, nil, true]])
  end

  it "the name frees_with declares is read there, by a class made there too" do
    child = run_in_ractor(<<~RUBY, "class Closing < Handle; frees_with :close; end")
      type = Class.new(Closing) { def close = Oracle.free(self) || :closed }
      handle = type.new(Oracle.create)
      [handle.close, handle.close, handle.freed?]
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [:released, [:closed, nil, true]])
  end

  it "methods that have been defined anew are guarded" do
    child = run_in_ractor(<<~RUBY, <<~CLASS)
      handle = Anew.new(Oracle.create)
      by_hand = Anew.new(Oracle.create)
      2.times { Anew.release(by_hand) }
      [handle.free(7, how: :own), handle.free, handle.freed?, by_hand.freed?]
    RUBY
      class Anew < Handle
        2.times do
          class_eval "def self.release(raw) = Oracle.free(raw)"
          class_eval "def free(*rest, how: :plain) = super().then { [*rest, how] }"
        end
      end
    CLASS
    expect(child).to have_attributes(quiet?: true, events: [:released, :released, [[7, :own], nil, true, true]])
  end

  it "frees_with :close guards the class's own close" do
    child = run_in_ractor(<<~RUBY)
      type = Class.new(Handle) do
        frees_with :close
        def close = Oracle.free(self) || :closed
      end
      handle = type.new(Oracle.create)
      [handle.close, handle.close, handle.freed?]
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [:released, [:closed, nil, true]])
  end

  # Ruby lets no other than the main Ractor set instance variables of classes.
  it "fork_policy :discard is refused by Ruby, and harms nothing" do
    child = run_in_ractor(<<~RUBY)
      type = Class.new(Handle)
      begin
        type.fork_policy :discard
      rescue Ractor::IsolationError
        pointer = type.new(Oracle.create)
        2.times { pointer.free }
        :refused
      end
    RUBY
    expect(child).to have_attributes(quiet?: true, events: %i[released refused])
  end

  {"release" => %i[fork parent], "discard" => %i[parent]}.each do |policy, releasers|
    it "a pointer is released by the #{releasers.join(" and the ")} when the process forks, with :#{policy}",
       :fork_while_allocating do
      child = run_ruby(<<~RUBY)
        Warning[:experimental] = false
        class Forked < Handle
          fork_policy :#{policy}
        end
        events.sign(:parent)
        Ractor.new(Ractor.current) do |main|
          pointer = Forked.new(Oracle.create(:made))
          main.send(Forked.fork_policy)
          Ractor.receive
          pointer
        end
        events << Ractor.receive
        Process.wait(fork { events.sign(:fork) })
      RUBY
      expect(child).to have_attributes(
        quiet?: true, events: [policy.to_sym, *releasers.map { |who| [:released, :made, who] }]
      )
    end
  end
end
