# frozen_string_literal: true

# The C function that releases a pointer is called with that, outside of its release. The library does not take this for
# the release, as a function that counts references may give back any of them: adr/0012.
RSpec.describe "a destructor called by hand" do
  bases = {
    "SafePointer" => -> { SafePointer },
    "FFI::AutoPointer, replaced" => lambda do
      require "safe_pointer/auto_pointer"
      FFI::AutoPointer
    end
  }
  function = -> { FFI::Function.new(:void, [:pointer], Oracle.ffi_libraries.first.find_function("oracle_free")) }
  # What makes a pointer of a class, and how that is released.
  ways = {
    "a class method" => lambda do |type|
      type.define_singleton_method(:release) { |raw| Oracle.free(raw) }
      type.method(:new)
    end,
    "a Method of a library" => ->(type) { ->(raw) { type.new(raw, Oracle.method(:free)) } },
    "an FFI::Function" => ->(type) { ->(raw) { type.new(raw, function.call) } },
    "a block" => ->(type) { ->(raw) { type.new(raw) { |pointer| Oracle.free(pointer) } } },
    "release_with" => lambda do |type|
      type.release_with(Oracle, :free)
      type.method(:new)
    end
  }

  bases.each do |name, base|
    ways.each do |way, make|
      context "when #{way} releases a #{name}" do
        it "gives back one reference, and the pointer has another to release" do
          log = in_child do |events|
            pointer = make.call(Class.new(base.call)).call(events.raw)
            2.times do
              Oracle.reference(pointer)
              Oracle.free(pointer)
            end
            events << pointer.null?
            pointer.free
          end
          expect(log).to eq [:released, :released, false, :released]
        end

        it "is the release in a method that frees_with names" do
          log = in_child do |events|
            type = Class.new(base.call) do
              frees_with :close
              def close = Oracle.free(self)
            end
            new = make.call(type)
            out_of_reach { new.call(events.raw(:dropped)).close }
            full_gc
            @alive_at_exit = new.call(events.raw(:kept))
            2.times { @alive_at_exit.close }
            events << [@alive_at_exit.null?, @alive_at_exit.free]
          end
          expect(log).to eq [[:released, :dropped], [:released, :kept], [true, nil]]
        end
      end
    end
  end
end
