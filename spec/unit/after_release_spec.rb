# frozen_string_literal: true

RSpec.describe "a SafePointer after its release" do
  typed = Module.new do
    extend FFI::Library
    ffi_lib Oracle.build
    attach_function :address, :oracle_address, [Handle], :size_t
  end

  let(:raw) { Oracle.create }
  let(:pointer) { Handle.new(raw) }

  it "is NULL" do
    pointer.free
    expect([pointer.null?, pointer.address, pointer.released_address]).to eq [true, 0, raw.address]
  end

  {
    read_int: [], read_uint64: [], read_double: [], read_pointer: [], read_string: [], read_bytes: [4],
    read_array_of_int: [2], get_int: [0], get_pointer: [8], get_string: [0], get_bytes: [0, 4],
    write_int: [1], write_pointer: [nil], write_bytes: ["x"], write_string: ["x"], put_int: [4, 1],
    put_string: [0, "x"], put_bytes: [0, "x"], write_array_of_int: [[1, 2]]
  }.each do |accessor, arguments|
    it "raises NullPointerError at #{accessor}" do
      pointer.free
      expect { pointer.public_send(accessor, *arguments) }.to raise_error(FFI::NullPointerError)
    end
  end

  it "raises NullPointerError at a struct laid over it" do
    struct = Class.new(FFI::Struct) { layout :x, :int }.new(pointer)
    pointer.free
    expect { struct[:x] }.to raise_error(FFI::NullPointerError)
  end

  describe "as a parameter typed with its class" do
    it "passes its address before" do
      expect(typed.address(pointer)).to eq raw.address
    end

    it "raises ReleasedError, which says what was wrong" do
      pointer.free
      expect { typed.address(pointer) }
        .to raise_error(SafePointer::ReleasedError, /Handle.*0x0*#{raw.address.to_s(16)}/)
    end

    it "raises ReleasedError after any other release" do
      own_free = Class.new(Handle) { def free = nil }.new(Oracle.create).tap(&:free)
      by_hand = Handle.new(Oracle.create).tap { |handle| Handle.release(handle) }
      failed = Handle.new(Oracle.create, ->(_) { raise "busy" }).tap { |handle| (handle.free rescue nil) }
      [own_free, by_hand, failed].each do |handle|
        expect { typed.address(handle) }.to raise_error(SafePointer::ReleasedError)
      end
    end

    it "raises ReleasedError when written to a field of a struct" do
      field = Class.new(FFI::Struct) { layout :handle, Handle }.new
      pointer.free
      expect { field[:handle] = pointer }.to raise_error(SafePointer::ReleasedError)
    end

    it "lets nil, plain pointers and SafePointers on NULL pass" do
      values = [nil, raw, Handle.new(FFI::Pointer::NULL)]
      expect(values.map { |value| typed.address(value) }).to eq [0, raw.address, 0]
    end
  end

  describe "as a :pointer parameter" do
    it "passes its address before" do
      expect(Oracle.address(pointer)).to eq raw.address
    end

    it "passes NULL" do
      pointer.free
      expect(Oracle.address(pointer)).to eq 0
    end
  end

  it "has a ReleasedError that is a RuntimeError" do
    expect(SafePointer::ReleasedError.superclass).to be RuntimeError
  end

  it "still compares, hashes and converts" do
    pointer.free
    expect(pointer).to eq pointer
    expect(pointer.hash).to be_an Integer
    expect(pointer.to_s).to be_a String
  end
end
