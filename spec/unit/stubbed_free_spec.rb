# frozen_string_literal: true

require_relative "../support/native_handle"
require_relative "../support/test_tools"

# A method that frees, and that a test tool or instrumentation puts something in the place of, for one pointer or all
# those of a class. What a test tool puts there is no release, unless it calls the original; what a program puts there is
# a free of the class's own. Afterwards all is as it was.
# Under GC stress most of the time would be that of the tools.
RSpec.describe "a stub of free", unless: GCLevel::CURRENT == "stress" do
  types = {
    "the free of SafePointer" => [:free, -> { Class.new(Handle) }],
    "the free of SafePointer and a C function" => [:free, -> { Class.new(NativeHandle) }],
    "a free of its own" => [:free, -> { Class.new(Handle) { def free = super } }],
    "a free of its own and a C function" => [:free, -> { Class.new(NativeHandle) { def free = super } }],
    "a free of its own that destroys" => [:free, -> { Class.new(Handle) { def free = Oracle.free(self) } }],
    "an inherited free of its own" => [:free, -> { Class.new(Class.new(Handle) { def free = super }) }],
    "the free of a mixin" => [:free, -> { Class.new(Handle) { include(Module.new { def free = super }) } }],
    "a name of its own for it" => [:close, lambda {
      Class.new(Handle) do
        frees_with :close
        def close = Oracle.free(self)
      end
    }]
  }
  on_pointer = lambda do |ways|
    ways.transform_values do |way|
      ->(_, pointer, name, double, during) { way.call(pointer, name, double, during) }
    end
  end
  on_singleton = TestTools::WRAPPERS.transform_values do |way|
    ->(_, pointer, name, double, during) { way.call(pointer.singleton_class, name, double, during) }
  end
  on_class = lambda do |ways|
    ways.transform_values { |way| ->(type, _, name, double, during) { way.call(type, name, double, during) } }
  end
  # What is not the owner's own cannot be removed or put back.
  redefining = TestTools::WRAPPERS.keys.grep(/put back/)

  def stub_of(events, calls_original:)
    lambda do |original, *arguments|
      events << :stub
      original.call(*arguments) if calls_original
    end
  end

  # Frees by hand, by GC and at exit, after the stub is gone.
  def rest(type, name, events)
    2.times.with_object(type.new(events.raw(:after))) { |_, pointer| pointer.public_send(name) }
    out_of_reach { type.new(events.raw(:dropped)) }
    full_gc
    @alive_at_exit = type.new(events.raw(:kept))
  end

  rest = [%i[released after], %i[released dropped], %i[released kept]]

  {
    "one pointer" => on_pointer.call(TestTools::DOUBLES),
    "a class" => on_class.call(TestTools::CLASS_WIDE_DOUBLES)
  }.each do |of, ways|
    ways.to_a.product(types.to_a).each do |(what, way), (which, (name, make))|
      it "by #{what}, of #{of} with #{which}, is no release unless it calls the original" do
        log = in_child do |events|
          $VERBOSE = true
          type = make.call
          pointer = type.new(events.raw)
          free = -> { 2.times { pointer.public_send(name) } }
          2.times { way.call(type, pointer, name, stub_of(events, calls_original: false), free) }
          events << [pointer.freed?, pointer.null?]
          way.call(type, pointer, name, stub_of(events, calls_original: true), -> { free.call && events << pointer.freed? })
          free.call
          out_of_reach do
            left = type.new(events.raw(:left))
            way.call(type, left, name, stub_of(events, calls_original: false), -> { left.public_send(name) })
          end
          full_gc
          rest(type, name, events)
        end
        expect(log).to eq [
          *[:stub] * 4, [false, false], :stub, :released, :stub, true, :stub, %i[released left], *rest
        ]
      end
    end
  end

  { "one pointer" => on_singleton, "a class" => on_class.call(TestTools::WRAPPERS) }.each do |of, ways|
    ways.to_a.product(types.to_a).each do |(what, way), (which, (name, make))|
      own = of == "a class" && !which.match?(/the free of|inherited/)
      next if redefining.include?(what) && !own

      it "by #{what}, of #{of} with #{which}, is a release" do
        log = in_child do |events|
          type = make.call
          [false, true].each do |calls_original|
            pointer = type.new(events.raw(calls_original))
            free = -> { 2.times { pointer.public_send(name) } }
            way.call(type, pointer, name, stub_of(events, calls_original: calls_original), free)
            events << pointer.freed?
            free.call
          end
          pointer = type.new(events.raw(:unused))
          2.times { way.call(type, pointer, name, stub_of(events, calls_original: false), -> { nil }) }
          2.times { pointer.public_send(name) }
          rest(type, name, events)
        end
        expect(log).to eq [:stub, true, :stub, %i[released true], true, %i[released unused], *rest]
      end
    end
  end
end
