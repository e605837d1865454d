# frozen_string_literal: true

require "objspace"
require_relative "../support/native_handle"

RSpec.describe ObjectSpace, ".memsize_of" do
  def memsize_of(object) = ObjectSpace.memsize_of(object)

  # Ruby 3.1 counts 40 bytes for an object without a body, later ones what its slot has.
  let(:slot) { GC::INTERNAL_CONSTANTS[:RVALUE_SIZE] || GC::INTERNAL_CONSTANTS[:BASE_SLOT_SIZE] }

  describe "a pointer" do
    before do
      skip "ffi #{FFI::VERSION}: its pointers have no type, so Ruby asks nobody" if FFI::VERSION < "1.16"
    end

    it "has ffi's data and ours" do
      ffi = memsize_of(FFI::Pointer.new(64))
      expect(memsize_of(Handle.new(Oracle.create).tap(&:free)) - ffi).to be_between(16, 24)
      expect(memsize_of(NativeHandle.new(Oracle.create).tap(&:free)) - ffi).to be_between(32, 40)
      expect(memsize_of(Handle.allocate)).to be > ffi
    end

    it "has the native memory that goes with it, as FFI::MemoryPointer has, while GC and exit are to release it" do
      pointer = Handle.new(Oracle.create)
      before = memsize_of(pointer)
      expect { pointer.size = 10_000 }.to change { memsize_of(pointer) }.by(10_000)
      pointer.autorelease = false
      expect(memsize_of(pointer)).to be before
      pointer.autorelease = true
      expect { pointer.free }.to change { memsize_of(pointer) }.by(-10_000)
    end

    it "has it for those that a C function releases, too" do
      pointer = NativeHandle.new(Oracle.create)
      expect { pointer.size = 10_000 }.to change { memsize_of(pointer) }.by(10_000)
      pointer.free
    end
  end

  it "of a releaser counts what only some have, and no native memory, which is the pointer's" do
    releaser = SafePointer::Releaser.new(Oracle.create, Oracle.method(:free))
    before = memsize_of(releaser)
    # As each pointer has one. For more than 104 bytes the C library takes 16 more.
    expect(before - slot).to be_between(8 * FFI::Pointer.size + 1, 13 * 8)
    sized = SafePointer::Releaser.new(Oracle.create, Oracle.method(:free), size: 10_000_000)
    expect(memsize_of(sized) - before).to be_between(100, 1_000)
    queue = SafePointer::ReleaseQueue.new
    queued = SafePointer::Releaser.new(Oracle.create, Oracle.method(:free), release_queue: queue)
    expect(memsize_of(queued) - before).to be_between(FFI::Pointer.size, 2 * 8)
    [releaser, sized, queued].each(&:free)
  end

  it "of a queue counts what waits in it" do
    queue = SafePointer::ReleaseQueue.new
    before = memsize_of(queue)
    100.times { queue.send(:push, SafePointer::Releaser.new(Oracle.create, Oracle.method(:free))) }
    expect(memsize_of(queue) - before).to be >= 100 * 8
    queue.drain
    expect(memsize_of(queue)).to be before
  end

  it "of a page of the register counts its places" do
    Handle.new(Oracle.create).free
    pages = ObjectSpace.each_object(SafePointer.const_get(:Page)).to_a
    expect(pages.map { |page| memsize_of(page) }).to all(be >= 256 * 8)
  end
end
