# frozen_string_literal: true

# The way people have taken FFI::AutoPointer's releaser apart so that a free of
# their own is not followed by another release (ffi/ffi#1126).
RSpec.describe "the @releaser workaround" do
  # What they do first; the rest is always the same.
  destructions = {
    "with the releaser's pointer" =>
      "@releaser.instance_variable_get(:@proc).call(@releaser.instance_variable_get(:@ptr))",
    "with the SafePointer itself" => "@releaser.instance_variable_get(:@proc).call(self)",
    "with a destructor of its own" => "Oracle.free(self)"
  }

  destructions.each do |what, destruction|
    describe what do
      let(:type) do
        Class.new(SafePointer) { class_eval(<<~RUBY, __FILE__, __LINE__ + 1) }
          def free
            #{destruction}
            @releaser.instance_variable_set(:@autorelease, false)
            @releaser.instance_variable_set(:@ptr, nil)
            @releaser.instance_variable_set(:@proc, nil)
          end
        RUBY
      end

      [0, 1, 2, 3].each do |times|
        it "releases once, called #{times} times" do
          log = in_child do |events|
            out_of_reach do
              pointer = type.new(events.raw, Oracle.method(:free))
              times.times { pointer.free }
            end
            full_gc
            events << :collected

            @alive_at_exit = type.new(events.raw, Oracle.method(:free))
            times.times { @alive_at_exit.free }
          end
          expect(log).to eq [:released, :collected, :released]
        end
      end

      it "releases once, for a pointer that has grown old" do
        log = in_child do |events|
          pointer = type.new(events.raw, Oracle.method(:free))
          4.times { GC.start }
          pointer.free
          events << pointer.freed?
        end
        expect(log).to eq [:released, true]
      end

      it "leaves the pointer freed" do
        log = in_child do |events|
          pointer = type.new(events.raw, Oracle.method(:free))
          pointer.free
          events << [pointer.freed?, pointer.null?, pointer.autorelease?, pointer.free]
        end
        expect(log).to eq [:released, [true, true, false, nil]]
      end
    end
  end

  it "is harmless from outside, on a pointer that is alive" do
    log = in_child do |events|
      pointer = SafePointer.new(events.raw, Oracle.method(:free))
      releaser = pointer.instance_variable_get(:@releaser)
      releaser.instance_variable_get(:@proc).call(releaser.instance_variable_get(:@ptr))
      releaser.instance_variable_set(:@autorelease, false)
      releaser.instance_variable_set(:@ptr, nil)
      releaser.instance_variable_set(:@proc, nil)
      events << pointer.free
    end
    expect(log).to eq [:released, nil]
  end
end
