# frozen_string_literal: true

require_relative "../support/endings"

# A child in its release on one thread, and its parent on another.
RSpec.describe "a family of pointers on several threads" do
  include Endings

  it "has the parent released on the thread that ended the last child" do
    log = in_child do |events|
      releasing = nil
      parent = events.pointer(:parent, release: lambda { |raw|
        releasing = Thread.current
        Oracle.free(raw)
      })
      child = events.pointer(:child, release: Oracle.method(:free_at_gate), parent: parent)
      Oracle.close_gate
      thread = Thread.new { child.free }
      wait_until { Oracle.waiting == 1 }
      events << parent.free << parent.freed?
      Oracle.open_gate
      thread.join
      events << [parent.freed?, parent.null?, releasing.equal?(thread)]
    end
    expect(log).to eq [[:at_gate, :child], nil, false, *released(:child, :parent), [true, true, true]]
  end

  it "has it released although the child's thread is killed in the release" do
    log = in_child do |events|
      entered = Queue.new
      parent = events.pointer(:parent)
      child = SafePointer.new(events.raw, ->(_) { entered << true and Thread.stop }, parent: parent)
      thread = Thread.new { child.free }
      entered.pop
      parent.free
      thread.kill.join
      events << [parent, child].map(&:freed?)
    end
    expect(log).to eq [*released(:parent), [true, true]]
  end

  it "is released once, whoever frees whom" do
    rounds = GCLevel::CURRENT == "stress" ? 2 : 50
    log = in_child do |events|
      rounds.times do
        parent = events.pointer(:parent)
        children = Array.new(4) { events.pointer(:child, parent: parent) }
        start = Queue.new
        threads = [*children, parent, *children, parent].map { |member| Thread.new { start.pop || member.free } }
        start.close
        threads.each(&:join)
        events << parent.freed?
      end
    end
    expect(log).to eq [*released(*[:child] * 4), [:released, :parent], true] * rounds
  end
end
