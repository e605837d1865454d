# frozen_string_literal: true

require_relative "../support/native_handle"

# The queue as an object, and how it is declared. What it does with what: spec/integration/release_queue_spec.rb.
RSpec.describe SafePointer::ReleaseQueue do
  let(:queue) { described_class.new }

  # So many releases of numbers that nobody counts, waiting in `queue`.
  def fill(queue, count)
    count.times { SafePointer::Releaser.new(:something, ->(_) {}, release_queue: queue).call(0) }
  end

  it "is empty and open at first" do
    expect(queue).to have_attributes(size: 0, empty?: true, high_water: 0, closed?: false, drain: 0)
  end

  it "has nothing to do for pointers that were given away" do
    types = [Handle, NativeHandle].map { |type| Class.new(type) }
    types.each { |type| type.release_queue(queue) }
    out_of_reach { types.each { |type| Oracle.free(type.new(Oracle.create).detach) } }
    full_gc
    expect(queue).to be_empty
  end

  it "knows how many wait, and how many ever did" do
    fill(queue, 5)
    expect(queue).to have_attributes(size: 5, empty?: false, high_water: 5)
    expect(queue.drain(max: 3)).to be 3
    expect(queue).to have_attributes(size: 2, high_water: 5, stats: { size: 2, high_water: 5 })
    fill(queue, 1)
    expect(queue).to have_attributes(size: 3, high_water: 5, drain: 3, empty?: true)
  end

  {0 => 0, 1 => 1, 3 => 3, 4 => 3, nil => 3}.each do |max, count|
    it "drains #{count} of 3 with max: #{max.inspect}" do
      fill(queue, 3)
      expect(queue.drain(max: max)).to be count
      expect(queue.size).to be 3 - count
    end
  end

  {
    "a Float" => [2.0, TypeError, "must be an Integer, not 2.0"],
    "a String" => ["2", TypeError, 'must be an Integer, not "2"'],
    "false" => [false, TypeError, "must be an Integer, not false"],
    "a negative number" => [-1, ArgumentError, "must not be -1"],
    "a huge number" => [2**64, ArgumentError, "must not be #{2**64}"]
  }.each do |what, (max, error, reason)|
    it "refuses #{what} for max:, and drains nothing" do
      fill(queue, 2)
      expect { queue.drain(max: max) }.to raise_error(error, "SafePointer::ReleaseQueue#drain: max #{reason}")
      expect(queue.size).to be 2
    end
  end

  it "refuses other arguments" do
    expect { queue.drain(1) }.to raise_error(ArgumentError)
    expect { queue.drain(min: 1) }.to raise_error(ArgumentError)
    expect { described_class.new(1) }.to raise_error(ArgumentError)
    expect { described_class.new(threads: true) }.to raise_error(ArgumentError)
  end

  it "is neither copied nor made otherwise" do
    expect { queue.dup }.to raise_error(TypeError)
    expect { queue.clone }.to raise_error(TypeError)
    expect { described_class.allocate }.to raise_error(TypeError)
    expect { Marshal.dump(queue) }.to raise_error(TypeError)
  end

  it "releases what is due when it is closed, which may be done twice" do
    fill(queue, 2)
    expect(queue.close).to be_nil
    expect(queue.close).to be_nil
    expect(queue).to have_attributes(closed?: true, size: 0, drain: 0)
  end

  it "says in inspect how many wait, and that it is closed" do
    fill(queue, 2)
    expect(queue.inspect).to eq "#<SafePointer::ReleaseQueue size=2>"
    queue.close
    expect(queue.inspect).to eq "#<SafePointer::ReleaseQueue size=0 closed>"
  end

  bases = {"SafePointer" => SafePointer, "a native class" => NativeHandle, "ManagedStruct" => SafePointer::ManagedStruct}
  bases.each do |what, base|
    describe "declared by a class under #{what}" do
      let(:type) { Class.new(base) }
      let(:subtype) { Class.new(type) }

      it "is none at first" do
        expect([base.release_queue, type.release_queue]).to eq [nil, nil]
      end

      it "is returned, and inherited by those that do not say otherwise" do
        other = described_class.new
        expect(type.release_queue(queue)).to be queue
        overriding = Class.new(type) { release_queue other }
        expect([type, subtype, overriding].map(&:release_queue)).to eq [queue, queue, other]
        expect(base.release_queue).to be_nil
      end

      [true, :queue, 1, Object.new, described_class, Thread::Queue.new].each do |wrong|
        it "is refused if it is #{wrong.inspect[0, 24]}, and stays what it was" do
          type.release_queue(queue)
          expect { type.release_queue(wrong) }
            .to raise_error(TypeError, "#{type}.release_queue: must be a SafePointer::ReleaseQueue, not #{wrong.inspect}")
          expect(type.release_queue).to be queue
        end
      end
    end
  end

  {
    "SafePointer" => ->(options) { SafePointer.new(FFI::Pointer.new(16), ->(_) {}, **options) },
    "SafePointer::Releaser" => ->(options) { SafePointer::Releaser.new(FFI::Pointer.new(16), ->(_) {}, **options) }
  }.each do |name, make|
    it "given to #{name}.new must be one" do
      [true, :queue, 1].each do |wrong|
        message = "#{name}.new: release_queue must be a SafePointer::ReleaseQueue, not #{wrong.inspect}"
        expect { make.call(release_queue: wrong) }.to raise_error(TypeError, message)
      end
    end

    it "given to #{name}.new as nil is none" do
      expect { make.call(release_queue: nil).free }.not_to raise_error
    end
  end
end
