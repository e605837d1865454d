# frozen_string_literal: true

require_relative "../support/fiber_scheduler"
require_relative "../support/lessees"
require_relative "../support/queues"

# Under a scheduler a thread goes on with another fiber wherever one waits: in a lease, and in a release.
RSpec.describe "a scheduler of fibers" do
  include Lessees
  include Queues

  before do
    skip "Ruby #{RUBY_VERSION} crashes with a scheduler under GC.stress" if RUBY_VERSION < "3.3" && GC.stress
  end

  it "goes on with other fibers in a lease, and the last one that had it before free releases" do
    log = in_child do |events|
      pointer = events.pointer
      go_on = false
      FiberScheduler.run do
        3.times do |i|
          Fiber.schedule do
            pointer.use { sleep 0 until go_on }
            events << i
          end
        end
        Fiber.schedule { events << pointer.free }
        Fiber.schedule { events << [granted?(pointer), pointer.freed?] && go_on = true }
      end
      events << pointer.freed?
    end
    expect(log).to eq [nil, [false, false], 0, 1, :released, 2, true]
  end

  it "grants a fiber that has a lease another one, after free and after it has waited" do
    log = in_child do |events|
      pointer = events.pointer
      FiberScheduler.run do
        Fiber.schedule do
          pointer.use do
            sleep 0
            events << granted?(pointer)
            pointer.use { sleep 0 }
            events << pointer.freed?
          end
        end
        Fiber.schedule { events << [pointer.free, granted?(pointer)] }
      end
    end
    expect(log).to eq [[nil, false], true, false, :released]
  end

  it "does not keep a pointer for fibers that begin while others have a lease" do
    log = in_child do |events|
      pointer = events.pointer
      begun = 0
      FiberScheduler.run do
        begin_another = lambda do
          Fiber.schedule do
            pointer.use do
              begun += 1
              pointer.free if begun == 2
              sleep 0
              begin_another.call if begun < 20
            end
          rescue SafePointer::ReleasedError
            events << :refused
          end
        end
        2.times { begin_another.call }
      end
      events << begun << pointer.freed?
    end
    expect(log).to eq [:refused, :refused, :released, 2, true]
  end

  # A class with a `free` or a `close` that waits before it destroys.
  def waiting_type(name)
    Class.new(Handle) do
      frees_with :close
      define_method(name) do
        sleep 0
        Oracle.free(self)
      end
      define_method(:close) { Events.current << :close } unless name == :close
    end
  end

  %i[free close].each do |name|
    it "goes on with other fibers in an own #{name}, and none of them runs anything of the release" do
      log = in_child do |events|
        pointer = waiting_type(name).new(events.raw)
        FiberScheduler.run do
          Fiber.schedule { events << [name, pointer.public_send(name).class] }
          Fiber.schedule do
            events << [pointer.free, pointer.close, pointer.instance_variable_get(:@releaser).free]
            events << [granted?(pointer), pointer.freed?]
            GC.start
          end
        end
        events << pointer.freed?
      end
      expect(log).to eq [[nil, nil, nil], [false, false], :released, [name, NilClass], true]
    end
  end

  it "goes on with other fibers in a release, and they can drain a queue" do
    log = in_child do |events|
      queue = queue_of(->(_) { events << :waiting })
      FiberScheduler.run do
        Fiber.schedule do
          release = lambda do |raw|
            events << queue.drain
            sleep 0
            events << queue.drain
            Oracle.free(raw)
          end
          SafePointer.new(events.raw, release).free
        end
        Fiber.schedule { events << queue.drain }
      end
    end
    expect(log).to eq [0, :waiting, 1, 0, :released]
  end

  it "leaves no lease where its thread is killed" do
    log = in_child do |events|
      pointer = events.pointer
      begun = Queue.new
      thread = Thread.new do
        Fiber.set_scheduler(FiberScheduler.new)
        Fiber.schedule { pointer.use { begun << true && Queue.new.pop } }
      end
      begun.pop
      pointer.free
      events << pointer.freed?
      wait_until { thread.stop? }
      thread.kill.join
      pointer.free
      events << pointer.freed?
    end
    expect(log).to eq [false, :released, true]
  end
end
