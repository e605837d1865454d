# frozen_string_literal: true

# A free of the class's own waits for the end of a lease like that of the base class.
RSpec.describe SafePointer, "#use, and a free of the class's own" do
  # The ways to have one. Each logs what it was given.
  {
    "from def" => lambda {
      Class.new(Handle) do
        def free(*arguments, **keywords, &block)
          Events.current << [:own_free, arguments, keywords, block&.call]
          super
          :mine
        end
      end
    },
    "from define_method" => lambda {
      Class.new(Handle) do
        define_method(:free) do |*arguments, **keywords, &block|
          Events.current << [:own_free, arguments, keywords, block&.call]
          super()
        end
      end
    },
    "from a mixin" => lambda {
      mixin = Module.new do
        def free(*arguments, **keywords, &block)
          Events.current << [:own_free, arguments, keywords, block&.call]
          super
        end
      end
      Class.new(Handle) { include mixin }
    },
    "that destroys by itself" => lambda {
      Class.new(Handle) do
        def free(*arguments, **keywords, &block)
          Events.current << [:own_free, arguments, keywords, block&.call]
          Oracle.free(self)
        end
      end
    }
  }.each do |what, make|
    it "#{what}: carries it out once, with the arguments of the first call" do
      log = in_child do |events|
        pointer = make.call.new(events.raw)
        pointer.use do
          events << pointer.free(1, "two", key: 3) { :block }
          events << pointer.free(:second) << pointer.free
        end
        events << [pointer.free, pointer.freed?, pointer.null?]
      end
      expect(log).to eq [nil, nil, nil, [:own_free, [1, "two"], {key: 3}, :block], :released, [nil, true, true]]
    end

    it "#{what}: leaves nothing to do for GC and exit" do
      log = in_child do |events|
        type = make.call
        make_it = -> { type.new(events.raw(:dropped)).then { |pointer| pointer.use { pointer.free } } && nil }
        out_of_reach(&make_it)
        full_gc
        @alive_at_exit = type.new(events.raw(:kept))
        @alive_at_exit.use { @alive_at_exit.free }
      end
      own_free = [:own_free, [], {}, nil]
      expect(log).to eq [own_free, [:released, :dropped], own_free, [:released, :kept]]
    end
  end

  # A class with a free of its own, what is done with a pointer of it, and the log of that.
  {
    "carries out one that a single pointer has" => [
      -> { Handle },
      lambda { |events, pointer|
        pointer.define_singleton_method(:free) { |mode = nil| events << mode and super() }
        pointer.use { pointer.free(:gently) }
      },
      [:gently, :released]
    ],
    "carries out one under a name of frees_with" => [
      lambda {
        Class.new(Handle) do
          frees_with :close, :finalize!

          def close(mode) = Events.current << [:close, mode] && Oracle.free(self)
          def finalize! = Events.current << :finalize!
        end
      },
      lambda { |events, pointer|
        pointer.use { events << [pointer.close(:now), pointer.finalize!, pointer.free] }
        events << [pointer.freed?, pointer.null?]
      },
      [[nil, nil, nil], [:close, :now], :released, [true, true]]
    ],
    "calls on with arguments that do not fit, and counts that as no release" => [
      -> { Class.new(Handle) { def free(mode) = super() } },
      lambda { |events, pointer|
        pointer.use { events << (pointer.free rescue $!.class) }
        events << pointer.freed? << pointer.free(:now) << pointer.freed?
      },
      [ArgumentError, false, :released, nil, true]
    ]
  }.each do |what, (make, steps, expected)|
    it what do
      log = in_child { |events| steps.call(events, make.call.new(events.raw)) }
      expect(log).to eq expected
    end
  end

  {"had to wait" => ->(pointer) { pointer.use { pointer.free } }, "had not" => ->(_) {}}.each do |which, before|
    it "just yields in it, where it #{which}" do
      log = in_child do |events|
        type = Class.new(Handle) do
          def free
            use { |raw| Events.current << raw.read_int }
            use { use { |raw| Oracle.free(raw) } }
          end
        end
        pointer = type.new(events.raw)
        before.call(pointer)
        pointer.free
        events << pointer.freed? << (pointer.use { nil } rescue $!.class)
      end
      expect(log).to eq [0, :released, true, SafePointer::ReleasedError]
    end
  end

  collections = { "all was" => -> { 2.times { GC.start } }, "the young were" => -> { GC.start(full_mark: false) } }
  collections.each do |what, collect|
    it "carries it out although #{what} collected meanwhile" do
      log = in_child do |events|
        type = Class.new(Handle) do
          def free(how)
            Events.current << how
            super()
          end
        end
        pointers = Array.new(20) { |i| type.new(events.raw(:"n#{i}")) }
        fibers = pointers.map { |pointer| Fiber.new { pointer.use { Fiber.yield } }.tap(&:resume) }
        4.times { GC.start }
        out_of_reach { pointers.each_with_index { |pointer, i| pointer.free(:"free#{i}") } }
        collect.call
        # In the place of what is gone there is something else.
        others = Array.new(1_000) { -> {} }
        fibers.each(&:resume)
        others.clear
      end
      expect(log).to eq(Array.new(20) { |i| [:"free#{i}", [:released, :"n#{i}"]] }.flatten(1))
    end
  end
end
