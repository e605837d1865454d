# frozen_string_literal: true

RSpec.describe SafePointer, "#inspect" do
  let(:raw) { Oracle.create }
  let(:address) { /0x0*#{raw.address.to_s(16)}\b/ }

  it "shows class and address" do
    expect(Handle.new(raw).inspect).to match(/\A#<Handle\b/).and match(address)
  end

  it "says nothing of freed before" do
    expect(Handle.new(raw).inspect).not_to include "freed"
  end

  it "shows class, the old address and freed afterwards" do
    pointer = Handle.new(raw).tap(&:free)
    expect(pointer.inspect).to match(/\A#<Handle\b/).and match(address).and match(/\bfreed\b/)
  end

  it "shows as many digits afterwards as ffi shows before" do
    pointer = Handle.new(raw)
    digits = ->(shown) { shown[/address=0x(\h+)/, 1] }
    before = digits.call(pointer.inspect)
    pointer.free
    expect([digits.call(pointer.inspect), before.size]).to eq [before, 2 * FFI::Pointer.size]
  end

  it "shows the old address and freed after a free of one's own" do
    pointer = Class.new(Handle) { def free = nil }.new(raw).tap(&:free)
    expect(pointer.inspect).to match(address).and match(/\bfreed\b/)
  end

  it "shows the old address and freed after a release that raised" do
    pointer = SafePointer.new(raw, ->(_) { raise "busy" })
    (pointer.free rescue nil)
    expect(pointer.inspect).to match(address).and match(/\bfreed\b/)
  end

  it "shows the address inside the release" do
    shown = nil
    pointer = nil
    pointer = SafePointer.new(raw, ->(_) { shown = pointer.inspect })
    pointer.free
    expect(shown).to match(address)
  end

  it "works on a frozen pointer" do
    pointer = Handle.new(raw).freeze
    pointer.free
    expect(pointer.inspect).to match(address).and match(/\bfreed\b/)
  end

  it "works on NULL" do
    expect(Handle.new(FFI::Pointer::NULL).inspect).to match(/\A#<Handle\b/)
  end
end
