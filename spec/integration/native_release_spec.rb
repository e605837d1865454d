# frozen_string_literal: true

require "fileutils"
require "objspace"
require "tmpdir"
require_relative "../support/native_handle"

# How they survive compaction: native_release_compaction_spec.rb.
RSpec.describe "pointers that a C function releases" do
  # Numbers for addresses: the function counts them and never looks there.
  counting = Class.new(SafePointer) { release_with Oracle, :count }
  many = GCLevel::CURRENT == "stress" ? 300 : 1_000_000
  total = ->(count) { count * (count + 1) / 2 }
  numbers = ->(count, sum = total[count], in_gc: 0) { [count, sum, in_gc].map { |number| number.to_s.to_sym } }

  describe "in great numbers" do
    it "are released once each without being freed, none of them inside the collector, and leave no queue" do
      log = in_child do |events|
        out_of_reach { many.times { |i| counting.new(FFI::Pointer.new(i + 1)) } }
        full_gc
        queue = SafePointer::ReleaseQueue.default
        events << [Oracle.counted, Oracle.counted_in_gc, queue.size]
      end
      expect(log).to eq [[many, 0, 0], numbers[many]]
    end

    it "are released at exit, none of them inside the collector" do
      log = in_child do |events|
        count = many / 10
        @kept = Array.new(count) { |i| counting.new(FFI::Pointer.new(i + 1)) }
        @kept.first(5).each(&:free)
        events << Oracle.counted
      end
      expect(log).to eq [5, numbers[many / 10]]
    end

    it "need neither finalizers nor releasers" do
      log = in_child do |events|
        full_gc
        before = ObjectSpace.each_object(SafePointer::Releaser).count
        pointers = Array.new(100) { |i| counting.new(FFI::Pointer.new(i + 1)) }
        pointers.each { |pointer| [pointer.freed?, pointer.autorelease?, pointer.inspect, pointer.address] }
        events << (ObjectSpace.each_object(SafePointer::Releaser).count - before)
        events << ObjectSpace.reachable_objects_from(pointers.first).grep_v(Module).size
      end
      expect(log).to match [be <= 0, 0, numbers[100]]
    end

    it "are released once each however many threads free them" do
      log = in_child do |events|
        pointers = Array.new(many / 1_000 + 10) { |i| counting.new(FFI::Pointer.new(i + 1)) }
        Array.new(8) { |i| Thread.new { pointers.rotate(i * 7).each(&:free) } }.each(&:join)
        events << [Oracle.counted == pointers.size, pointers.all?(&:freed?)]
      end
      count = many / 1_000 + 10
      expect(log).to eq [[true, true], numbers[count]]
    end

    it "are released once each however they are freed, dropped, used and given away at the same time" do
      log = in_child do |events|
        count = many / 1_000 + 96
        Array.new(4) { |thread|
          Thread.new do
            (thread...count).step(4) do |i|
              pointer = counting.new(FFI::Pointer.new(i + 1))
              case i / 4 % 4
              when 0 then pointer.free
              when 1 then pointer.use { pointer.free }
              when 2 then counting.new(pointer.detach)
              end
            end
          end
        }.each(&:join)
        events << :made
      end
      count = many / 1_000 + 96
      expect(log).to eq [:made, numbers[count]]
    end
  end

  describe "keep alive what was wrapped until they are released, if it is more than an address:" do
    {
      "a slice of a MemoryPointer" => ->(memory) { memory.slice(8, 8) },
      "a pointer made from another" => ->(memory) { FFI::Pointer.new(memory) },
      "an instance of a subclass" => lambda { |memory|
        Class.new(FFI::Pointer).new(memory.address).tap { |raw| raw.instance_variable_set(:@memory, memory) }
      }
    }.each do |what, wrap|
      it what do
        log = in_child do |events|
          notice = ->(_id) { events << :gone }
          make = lambda do
            memory = FFI::MemoryPointer.new(16)
            ObjectSpace.define_finalizer(memory, notice)
            @pointer = counting.new(wrap.call(memory))
          end
          out_of_reach(&make)
          full_gc
          events << Oracle.counted
          @pointer.free
          events << Oracle.counted
        end
        expect(log).to eq [0, 1, :gone, numbers[1, log.last[1].to_s.to_i]]
      end
    end
  end

  describe "in families" do
    ends = {
      "by hand, the parent first" => ->(family) { family.each(&:free) },
      "by hand, the child first" => ->(family) { family.reverse_each(&:free) },
      "by GC" => ->(_family) {},
      "at exit" => ->(family) { @kept = family }
    }
    ends.each do |how, finish|
      types = [NativeHandle, Handle]
      types.product(types, types).each do |grandparent, parent, child|
        it "are released youngest first: #{[grandparent, parent, child].join(" > ")} #{how}" do
          log = in_child do |events|
            make = lambda do
              old = grandparent.new(events.raw(:old))
              middle = parent.new(events.raw(:middle), parent: old)
              young = child.new(events.raw(:young), parent: middle)
              finish.call([old, middle, young])
              nil
            end
            out_of_reach(&make)
            full_gc
          end
          expect(log).to eq [%i[released young], %i[released middle], %i[released old]]
        end
      end
    end
  end

  describe "of a library that nothing else keeps loaded" do
    # Of a copy of the oracle, as a library of its own. Of that only the function is left when this is over.
    def declare(type, path)
      library = FFI::DynamicLibrary.open(path, FFI::DynamicLibrary::RTLD_LAZY)
      log_to = FFI::Function.new(:void, [:int], FFI::Pointer.new(library.find_function("oracle_log_to").address))
      log_to.call(Integer(ENV.fetch("COPY_FD")))
      function = FFI::Pointer.new(library.find_function("oracle_count").address)
      type.release_with(FFI::Function.new(:void, [:pointer], function))
      library.name
    end

    {
      "are released by hand" => ->(pointer) { pointer.free },
      "are released at exit" => ->(pointer) { @kept = pointer }
    }.each do |what, finish|
      it what do
        Dir.mktmpdir do |directory|
          path = File.join(directory, "copy.so")
          FileUtils.cp(Oracle.build, path)
          reader, writer = IO.pipe
          ENV["COPY_FD"] = writer.fileno.to_s
          log = in_child do |events|
            type = Class.new(SafePointer)
            out_of_reach { declare(type, path) }
            full_gc
            events << :unloaded
            finish.call(type.new(FFI::Pointer.new(42)))
          end
          writer.close
          expect(log).to eq [:unloaded]
          expect(reader.read).to eq "1 42 0\n"
        end
      end
    end
  end

  describe "at the end of the process" do
    it "are released although their class and its queue are collected with them" do
      log = in_child do |events|
        make = lambda do
          queue = SafePointer::ReleaseQueue.new
          type = Class.new(NativeHandle) { release_queue queue }
          3.times { type.new(events.raw) }
          nil
        end
        out_of_reach(&make)
        3.times { full_gc }
      end
      expect(log).to eq %i[released released released]
    end

    it "are released although a release makes them there and a collection begins" do
      # Deep enough that no stack keeps one of them.
      make = ->(depth) { depth.zero? ? 100.times { |i| counting.new(FFI::Pointer.new(i + 1)) } : make.call(depth - 1) }
      log = in_child do |events|
        queue = SafePointer::ReleaseQueue.new
        release = lambda { |raw|
          Oracle.free(raw)
          make.call(50)
          GC.start(immediate_sweep: false)
        }
        out_of_reach { SafePointer.new(Events.current.raw, release, release_queue: queue) }
        full_gc
        events << queue.size
        @queue = queue
      end
      # Where Ruby frees them after its last finalizers, it counts as collecting.
      expect([*log.first(2), log[2]&.first(2)]).to eq [1, :released, numbers[100].first(2)]
    end

    it "can be used by the finalizers of others" do
      log = in_child do |events|
        pointer = NativeHandle.new(events.raw(:native))
        @user = SafePointer.new(events.raw(:user), lambda { |raw|
          events << pointer.null?
          pointer.use { |used| used.read_int }
          Oracle.free(raw)
        })
        @pointer = pointer
      end
      expect(log).to eq [false, %i[released user], %i[released native]]
    end

    it "are released by a fork, too, unless they are to be left alone there" do
      log = in_child do |events|
        discarding = Class.new(NativeHandle) { fork_policy :discard }
        @kept = [NativeHandle.new(events.raw(:native)), discarding.new(events.raw(:discarded))]
        in_fork_of(events) {}
        events.sign(:parent)
      end
      expect(log.first).to eq %i[released native fork]
      expect(log.drop(1)).to contain_exactly(%i[released native parent], %i[released discarded parent])
    end
  end

  it "are released although the fiber in which they were found dead is gone" do
    log = in_child do |events|
      drop = ->(count) { out_of_reach { count.times { |i| counting.new(FFI::Pointer.new(i + 1)) } } }
      drop.call(100)
      collect = Fiber.new do
        GC.stress = true
        Fiber.yield(Array.new(1))
      end
      collect.resume
      GC.stress = GCLevel::CURRENT == "stress" ? 1 : false
      collect = nil # rubocop:disable Lint/UselessAssignment
      full_gc
      drop.call(100)
      full_gc
      events << Oracle.counted << ObjectSpace.each_object(counting).count
    end
    # What a word on a stack still keeps is neither dead nor released. Were the queue stuck, a hundred would be missing.
    released, alive = log
    expect([released + alive, alive]).to match [200, be <= 5]
  end

  it "are released although their frozen class looks at them anew each time" do
    log = in_child do |events|
      type = Class.new(NativeHandle).freeze
      type.new(events.raw(:freed)).free
      @kept = type.new(events.raw(:kept))
    end
    expect(log).to eq [%i[released freed], %i[released kept]]
  end
end
