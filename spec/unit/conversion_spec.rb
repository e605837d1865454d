# frozen_string_literal: true

RSpec.describe "SafePointer as an FFI type" do
  library = Module.new do
    extend FFI::Library
    ffi_lib Oracle.build
    attach_function :create, :oracle_new, [:size_t, :string], Handle
  end

  it "has the native type of pointers" do
    expect(Handle.native_type).to be FFI::Type::POINTER
  end

  it "has it with a private release, too" do
    type = Class.new(SafePointer) do
      def self.release(_) = nil
      private_class_method :release
    end
    expect(type.native_type).to be FFI::Type::POINTER
  end

  it "has none without a release" do
    expect { SafePointer.native_type }
      .to raise_error(RuntimeError, "no release method defined for SafePointer")
    type = Class.new(SafePointer)
    expect { type.native_type }.to raise_error(RuntimeError, "no release method defined for #{type.inspect}")
  end

  it "makes an instance from a native pointer" do
    log = in_child do |events|
      pointer = Handle.from_native(events.raw, nil)
      events << pointer.class
    end
    expect(log).to eq [Handle, :released]
  end

  it "makes an instance of what a function returns" do
    log = in_child do |events|
      pointer = library.create(16, "returned")
      events << [pointer.class, pointer.freed?]
      pointer.free
    end
    expect(log).to eq [[Handle, false], [:released, :returned]]
  end

  it "is given to native code as it is" do
    pointer = Handle.new(Oracle.create)
    expect(Handle.to_native(pointer, nil)).to be pointer
  end
end
