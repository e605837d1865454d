# frozen_string_literal: true

require_relative "parity"

Parity.describe "with structs" do
  # Two pointer fields, the first one typed.
  def pair(type)
    Class.new(FFI::Struct) { layout :typed, type, :pointer, :pointer }
  end

  it "is the memory of one" do
    log = log_of do |events, base|
      type = Class.new(FFI::Struct) { layout :x, :int, :y, :int }
      pointer = handle(base).new(events.raw)
      point = type.new(pointer)
      point[:x] = 1
      point[:y] = 2
      events << pointer.read_array_of_int(2) << point.pointer.equal?(pointer) << point.null?
      pointer.free
    end
    expect(log).to eq [[1, 2], true, false, :released]
  end

  it "is kept alive by the struct laid over it" do
    log = log_of do |events, base|
      type = Class.new(FFI::Struct) { layout :x, :int }
      out_of_reach do
        @point = type.new(handle(base).new(events.raw))
        nil
      end
      full_gc
      events << @point[:x]
      out_of_reach { @point = nil }
      full_gc
      events << :collected
    end
    expect(log).to eq [0, :released, :collected]
  end

  it "passes where a struct's by_ref is wanted, as that struct" do
    log = log_of do |events, base|
      type = Class.new(FFI::Struct) { layout :x, :int }
      functions = Module.new do
        extend FFI::Library
        ffi_lib Oracle.build
        attach_function :address, :oracle_address, [type.by_ref], :size_t
      end
      pointer = handle(base).new(events.raw)
      events << (functions.address(type.new(pointer)) == pointer.address)
      events << (error { functions.address(pointer) }).first
      pointer.free
    end
    expect(log).to eq [true, TypeError, :released]
  end

  it "is written to a pointer field and read from it as a bare pointer" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      struct = pair(:pointer).new
      struct[:pointer] = pointer
      events << [struct[:pointer] == pointer, struct[:pointer].address == pointer.address]
      events << struct.to_ptr.get_pointer(FFI::Pointer.size).eql?(struct[:pointer])
      struct[:pointer] = nil
      events << struct[:pointer].null?
      pointer.free
    end
    expect(log).to eq [[true, true], false, true, :released]
  end

  it "is kept alive by the struct it was written to" do
    log = log_of do |events, base|
      out_of_reach do
        @struct = pair(:pointer).new.tap { |struct| struct[:pointer] = handle(base).new(events.raw) }
        nil
      end
      full_gc
      events << :kept
      out_of_reach { @struct = nil }
      full_gc
      events << :collected
    end
    expect(log).to eq [:kept, :released, :collected]
  end

  it "is written to a field typed with its class" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      struct = pair(pointer.class).new
      struct[:typed] = pointer
      events << (struct.to_ptr.read_pointer == pointer)
      struct[:typed] = nil
      events << struct.to_ptr.read_pointer.null?
      pointer.free
    end
    expect(log).to eq [true, true, :released]
  end

  it "is what a field typed with its class reads: an owner at every reading" do
    log = log_of do |events, base|
      type = handle(base)
      struct = pair(type).new
      raw = events.raw
      Oracle.reference(raw)
      struct.to_ptr.write_pointer(raw)
      owners = Array.new(2) { struct[:typed] }
      events << owners.map { |owner| owner.instance_of?(type) && owner.address == raw.address }
      events << owners.first.equal?(owners.last)
      owners.first.free
      events << :first
    end
    expect(log).to eq [[true, true], false, :released, :first, :released]
  end

  it "has a layout with fields of its class as with pointers" do
    log = log_of do |events, base|
      type = pair(handle(base))
      events << type.members << type.offsets << (type.size == pair(:pointer).size) << type.alignment
    end
    expect(log).to eq [[:typed, :pointer], [[:typed, 0], [:pointer, FFI::Pointer.size]], true, FFI::Pointer.size]
  end

  it "is an array of its class in a struct" do
    log = log_of do |events, base|
      handles = Array.new(2) { |index| handle(base).new(events.raw("number#{index}")) }
      struct = Class.new(FFI::Struct) { layout :items, [:pointer, 2] }.new
      handles.each_with_index { |pointer, index| struct[:items][index] = pointer }
      events << (struct[:items].to_a == handles)
      handles.each(&:free)
    end
    expect(log).to eq [true, [:released, :number0], [:released, :number1]]
  end

  it "holds a union and a nested struct" do
    log = log_of do |events, base|
      inner = Class.new(FFI::Union) { layout :int, :int32, :bytes, [:uint8, 4] }
      outer = Class.new(FFI::Struct) { layout :tag, :int32, :value, inner }
      pointer = handle(base).new(events.raw)
      struct = outer.new(pointer)
      struct[:value][:int] = 0x01020304
      events << struct[:value][:bytes].to_a.sort << pointer.get_int32(4)
      pointer.free
    end
    expect(log).to eq [[1, 2, 3, 4], 0x01020304, :released]
  end
end

Parity.describe "in arrays of pointers" do
  it "is written and read" do
    log = log_of do |events, base|
      pointers = Array.new(3) { |index| handle(base).new(events.raw("number#{index}")) }
      memory = FFI::MemoryPointer.new(:pointer, 4)
      memory.write_array_of_pointer([*pointers, nil])
      events << (memory.read_array_of_pointer(4).map(&:address) == [*pointers.map(&:address), 0])
      memory.put_array_of_pointer(0, pointers.reverse)
      events << (memory.get_array_of_pointer(0, 3) == pointers.reverse)
      pointers.each(&:free)
    end
    expect(log).to eq [true, true, *Array.new(3) { |index| [:released, :"number#{index}"] }]
  end

  it "is written and read one by one" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      memory = FFI::MemoryPointer.new(:pointer, 2)
      memory.write_pointer(pointer)
      memory.put_pointer(FFI::Pointer.size, pointer)
      memory[1].write(:pointer, pointer)
      events << memory.read_array_of_pointer(2).map { |read| [read == pointer, read.class == FFI::Pointer] }
      pointer.free
    end
    expect(log).to eq [[[true, true], [true, true]], :released]
  end

  it "is memory that pointers are written to" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      target = FFI::MemoryPointer.new(:int)
      pointer.write_array_of_pointer([target, FFI::Pointer::NULL])
      events << (pointer.read_pointer == target) << pointer.get_pointer(FFI::Pointer.size).null?
      events << pointer.get_array_of_pointer(0, 2).map(&:class)
      pointer.free
    end
    expect(log).to eq [true, true, [FFI::Pointer, FFI::Pointer], :released]
  end
end
