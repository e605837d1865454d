# frozen_string_literal: true

require_relative "../support/native_handle"

# Objects move, and come and go at every allocation.
RSpec.describe "pointers that a C function releases survive" do
  {
    "compaction" => -> { GC.compact },
    "compaction with every reference checked" => -> { GC.verify_compaction_references(toward: :empty) },
    "compaction at every collection" => lambda {
      GC.auto_compact = true
      3.times { GC.start }
      GC.auto_compact = false
    }
  }.each do |what, compact|
    it "#{what}: live ones, those that wait in queues, and registries" do
      log = in_child do |events|
        queue = SafePointer::ReleaseQueue.new
        waiting = Class.new(NativeHandle) { release_queue queue }
        ruby = ->(raw) { Oracle.free(raw) }
        registry = SafePointer::FinalizationRegistry.new(queue: queue) { |held| events << held }
        make = lambda do
          10.times do |i|
            waiting.new(Events.current.raw(:native))
            SafePointer.new(FFI::Pointer.new(Events.current.raw(:ruby)), ruby, release_queue: queue)
            registry.register(Object.new, "held #{i}")
          end
        end
        live = Array.new(10) { NativeHandle.new(events.raw(:live)) }
        target = Object.new
        registry.register(target, "never", target)
        out_of_reach(&make)
        full_gc
        compact.call
        events << queue.size
        queue.drain
        compact.call
        live.each(&:free)
        events << registry.unregister(target)
      end
      expect(log.first).to be 30
      expect(log.tally).to eq(
        30 => 1, %i[released native] => 10, %i[released ruby] => 10, %i[released live] => 10, true => 1,
        **Array.new(10) { |i| ["held #{i}", 1] }.to_h
      )
    end
  end

  it "a collection at every allocation" do
    child = run_ruby(<<~RUBY)
      class NativeHandle < SafePointer
        release_with Oracle, :free
      end
      $queue = SafePointer::ReleaseQueue.new
      $registry = SafePointer::FinalizationRegistry.new(queue: $queue) { |held| events << held }
      GC.stress = true
      parent = NativeHandle.new(events.raw(:parent))
      child = NativeHandle.new(events.raw(:child), parent: parent)
      parent.free
      out_of_reach do
        SafePointer.new(Events.current.raw(:waiting), Oracle.method(:free), release_queue: $queue)
        $registry.register(Object.new, :held)
      end
      GC.stress = false
      full_gc
      GC.stress = true
      $queue.drain
      child.free
      $kept = NativeHandle.new(events.raw(:at_exit))
    RUBY
    expect(child).to be_quiet, child.inspect
    expect(child.events.tally).to eq(
      :held => 1, %i[released waiting] => 1, %i[released child] => 1, %i[released parent] => 1, %i[released at_exit] => 1
    )
    expect(child.events.last(3)).to eq [%i[released child], %i[released parent], %i[released at_exit]]
  end
end
