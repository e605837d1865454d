# frozen_string_literal: true

require_relative "../support/growth"

# What a queue takes goes with it.
#
# Under GC stress there is time for a few rounds only, in which nothing grows by much.
RSpec.describe "release queues", unless: GCLevel::CURRENT == "stress" do
  queue = "queue = SafePointer::ReleaseQueue.new\n"

  {
    "that are dropped" => queue,
    "that were used, and are dropped" => <<~RUBY,
      #{queue}
      SafePointer.new(NOWHERE, NOTHING, release_queue: queue).free
      SafePointer::Releaser.new(NOWHERE, NOTHING, release_queue: queue).call(0)
      queue.drain
    RUBY
    "that were used and closed" => <<~RUBY,
      #{queue}
      SafePointer::Releaser.new(NOWHERE, NOTHING, release_queue: queue).call(0)
      queue.close
    RUBY
    "whose releasers were dropped" => "#{queue} SafePointer::Releaser.new(NOWHERE, NOTHING, release_queue: queue)",
    "of a class" => "#{queue} Class.new(SafePointer) { release_queue queue }.new(NOWHERE, NOTHING).free",
    "with a thread, when they are closed," => <<~RUBY
      queue = SafePointer::ReleaseQueue.new(thread: true)
      done = Thread::Queue.new
      SafePointer::Releaser.new(NOWHERE, ->(_) { done << true }, release_queue: queue).call(0)
      done.pop
      queue.close
      Thread.pass until Thread.list.size == 1
    RUBY
  }.each do |what, code|
    it "#{what} leave nothing behind" do
      child = run_ruby(Growth.source(code))
      expect(child.status).to be_success, child.inspect
      expect(Growth.left_behind(child)).to be_empty
    end
  end

  it "that still have something to release keep it until the process ends" do
    child = run_ruby(<<~RUBY)
      out_of_reach do
        queue = SafePointer::ReleaseQueue.new
        SafePointer::Releaser.new(Oracle.create("one"), Oracle.method(:free), release_queue: queue).call(0)
        native = Class.new(SafePointer) { release_with Oracle, :free }
        native.release_queue(queue)
        native.new(Oracle.create("two"))
      end
      2.times { full_gc }
      events << :end
    RUBY
    expect(child.events.first).to be :end
    expect(child.events).to contain_exactly(:end, %i[released one], %i[released two])
    expect(child).to be_quiet, child.inspect
  end
end
