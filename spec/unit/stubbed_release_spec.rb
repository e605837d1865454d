# frozen_string_literal: true

require_relative "../support/native_handle"
require_relative "../support/test_tools"

# A class method `release` that a test tool or instrumentation puts something in the place of. While that is there, it
# is called in the place of the release, and afterwards all is as it was.
# Under GC stress most of the time would be that of the tools.
RSpec.describe "a stub of release", unless: GCLevel::CURRENT == "stress" do
  types = {
    "a Ruby release" => -> { Class.new(SafePointer) { def self.release(raw) = Oracle.free(raw) } },
    "a C function" => -> { Class.new(SafePointer) { release_with Oracle, :free } },
    "a free of its own" => lambda {
      Class.new(SafePointer) do
        def self.release(raw) = Oracle.free(raw)
        def free = super
      end
    },
    "a private release" => lambda {
      Class.new(SafePointer) do
        def self.release(raw) = Oracle.free(raw)
        private_class_method :release
      end
    },
    "an inherited release" => -> { Class.new(Handle) },
    "the release of a module" => -> { Class.new(SafePointer) { extend(Module.new { def release(raw) = Oracle.free(raw) }) } },
    "a struct" => -> { Class.new(SafePointer::ManagedStruct) { layout(:x, :int) and def self.release(raw) = Oracle.free(raw) } },
    "FFI::AutoPointer replaced" => lambda {
      require "safe_pointer/auto_pointer"
      Class.new(FFI::AutoPointer) { def self.release(raw) = Oracle.free(raw) }
    }
  }
  # What is not the class's own cannot be removed or put back.
  foreign = ["an inherited release", "the release of a module"]
  by_hand = TestTools::WRAPPERS.transform_values do |way|
    ->(type, name, double, during) { way.call(type.singleton_class, name, double, during) }
  end
  ways = TestTools::DOUBLES.merge(by_hand)

  ways.each do |what, way|
    types.each do |which, make|
      next if foreign.include?(which) && what.include?("put back")

      describe "by #{what}, of a class with #{which}" do
        def stub_of(events, calls_original: true)
          lambda do |original, *arguments|
            events << :stub
            original.call(*arguments) if calls_original
          end
        end

        it "is called by free, and all is as before when it is gone" do
          log = in_child do |events|
            # By hand, a method is redefined without any word from us.
            $VERBOSE = TestTools::DOUBLES.value?(way)
            type = make.call
            pointers = [type.new(events.raw(:before))]
            existing = type.new(events.raw(:existing))
            way.call(type, :release, stub_of(events), lambda {
              during = type.new(events.raw(:during))
              2.times { [existing, during].each(&:free) }
            })
            way.call(type, :release, stub_of(events, calls_original: false), lambda {
              pointers << type.new(events.raw(:between))
              2.times.with_object(type.new(FFI::Pointer.new(8))) { |_, fake| fake.free }
            })
            events << :gone
            pointers << type.new(events.raw(:after))
            2.times { pointers.each(&:free) }
            by_hand = type.new(events.raw(:by_hand))
            2.times { type.send(:release, by_hand) }
            events << [by_hand.freed?, by_hand.free]
          end
          expect(log).to eq [
            :stub, %i[released existing], :stub, %i[released during], :stub, :gone, %i[released before],
            %i[released between], %i[released after], %i[released by_hand], [true, nil]
          ]
        end

        # A double of rspec-mocks locks a mutex, which is not possible wherever Ruby calls finalizers.
        unless what == "rspec-mocks"
          it "is called for what GC finds dead meanwhile" do
            log = in_child do |events|
              type = make.call
              left = []
              out_of_reach { left << type.new(events.raw(:before)) }
              way.call(type, :release, stub_of(events), lambda {
                out_of_reach { left << type.new(events.raw(:during)) }
                out_of_reach { left.clear }
                full_gc
              })
              events << :gone
            end
            expect(log[0..3].each_slice(2)).to match_array [[:stub, %i[released before]], [:stub, %i[released during]]]
            expect(log[4..]).to eq [:gone]
          end
        end

        it "leaves GC and exit the rest" do
          log = in_child do |events|
            type = make.call
            left = []
            out_of_reach { left << type.new(events.raw(:before)) }
            way.call(type, :release, stub_of(events, calls_original: false), lambda {
              out_of_reach { left << type.new(events.raw(:during)) }
              full_gc
            })
            events << :gone
            out_of_reach { left.clear }
            full_gc
            events << :collected
            @alive_at_exit = type.new(events.raw(:after))
          end
          expect(log[0]).to eq :gone
          expect(log[1..2]).to match_array [%i[released before], %i[released during]]
          expect(log[3..]).to eq [:collected, %i[released after]]
        end
      end
    end
  end
end
