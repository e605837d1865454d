# frozen_string_literal: true

require_relative "../support/interleavings"

# The thread of a queue is one thread, whoever asks for it at once.
RSpec.describe "of the thread of a queue" do
  def workers
    Thread.list.count { |thread| thread.name == "SafePointer::ReleaseQueue" }
  end

  # The log of a scenario, which is to say whether the moment has come, for each moment. Each is in a process of its own.
  def logs
    Interleavings::MOMENTS.each_with_object([]) do |number, logs|
      log = in_child do |events|
        moment = Interleavings::Moment.new(number)
        yield events, moment
        events << moment.come?
      end
      return logs unless log.pop

      logs << log
    end
  end

  it "there is one for two threads that make the first registries" do
    log = logs do |events, moment|
      called = Thread::Queue.new
      make = -> { SafePointer::FinalizationRegistry.new { |held| called << held } }
      other = nil
      registry = moment.during(make) { other = make.call }
      registries = [registry, other].compact
      out_of_reach { registries.each { |one| one.register(Object.new, :held) } }
      full_gc
      registries.each { called.pop }
      events << workers
    end
    expect(log.uniq).to eq [[1]]
  end
end
