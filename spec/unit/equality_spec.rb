# frozen_string_literal: true

require_relative "../support/native_handle"

# What is compared with what is in spec/parity.
RSpec.describe SafePointer, "#released_address" do
  let(:raw) { Oracle.create }

  [Handle, NativeHandle].each do |type|
    it "is the address before the release: #{type}" do
      pointer = type.new(raw).tap(&:free)
      expect([pointer.released_address, pointer.address, pointer == type.new(raw).tap(&:detach)]).to eq [raw.address, 0, false]
    end

    it "is nil of what is not released: #{type}" do
      pointer = type.new(raw)
      expect(pointer.released_address).to be_nil
      pointer.detach
      expect([pointer.released_address, pointer == raw]).to eq [nil, true]
      Oracle.free(raw)
    end

    it "is nil without an initialize, and NULL compares as ffi's: #{type}" do
      pointer = type.allocate
      expect([pointer.released_address, pointer == FFI::Pointer::NULL]).to eq [nil, true]
    end
  end

  it "is nil while the release runs, and while it waits" do
    seen = []
    pointer = nil
    pointer = SafePointer.new(raw) do |held|
      seen << pointer.released_address
      Oracle.free(held)
    end
    pointer.use do
      pointer.free
      seen << pointer.released_address
    end
    expect([seen, pointer.released_address]).to eq [[nil, nil], raw.address]
  end

  it "is there after a free of one's own, and after a release that raised" do
    own = Class.new(Handle) { def free = Oracle.free(self) }.new(raw).tap(&:free)
    expect(own.released_address).to eq raw.address

    failed = SafePointer.new(Oracle.create, ->(_) { raise "busy" })
    address = failed.address
    expect { failed.free }.to raise_error("busy")
    expect(failed.released_address).to eq address
  end

  it "is 0 of NULL" do
    expect(Handle.new(FFI::Pointer::NULL).tap(&:free).released_address).to eq 0
  end

  it "is there on a frozen pointer" do
    expect(Handle.new(raw).freeze.tap(&:free).released_address).to eq raw.address
  end
end
