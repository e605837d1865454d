# frozen_string_literal: true

require_relative "parity"

# The methods of FFI::Pointer.
Parity.describe "as an FFI::Pointer" do
  integers = %i[
    char int8 uchar uint8 short int16 ushort uint16 int int32 uint uint32 long ulong long_long int64 ulong_long uint64
  ].group_by { |type| 8 * FFI.type_size(type) }

  integers.each do |bits, types|
    it "reads and writes integers of #{bits} bits" do
      log = log_of do |events, base|
        pointer = handle(base).new(events.raw)
        types.each do |type|
          value = type.start_with?("u") ? 2**bits - 3 : -3
          pointer.public_send(:"write_#{type}", value)
          pointer.public_send(:"put_#{type}", 8, value + 1)
          events << [type, pointer.public_send(:"read_#{type}"), pointer.public_send(:"get_#{type}", 8)]
          pointer.public_send(:"write_array_of_#{type}", [value, value + 1])
          pointer.public_send(:"put_array_of_#{type}", bits / 8, [value])
          events << pointer.public_send(:"read_array_of_#{type}", 2) << pointer.public_send(:"get_array_of_#{type}", 0, 1)
          pointer.write(type, value + 2)
          events << pointer.read(type)
        end
        pointer.free
      end
      expected = types.flat_map do |type|
        value = type.start_with?("u") ? 2**bits - 3 : -3
        [[type, value, value + 1], [value, value], [value], value + 2]
      end
      expect(log).to eq [*expected, :released]
    end
  end

  %i[float double].each do |type|
    it "reads and writes #{type}" do
      log = log_of do |events, base|
        pointer = handle(base).new(events.raw)
        pointer.public_send(:"write_#{type}", 1.5)
        pointer.public_send(:"put_#{type}", 8, -0.25)
        events << [pointer.public_send(:"read_#{type}"), pointer.public_send(:"get_#{type}", 8)]
        pointer.public_send(:"write_array_of_#{type}", [2.0, 4.0])
        events << pointer.public_send(:"read_array_of_#{type}", 2)
        pointer.free
      end
      expect(log).to eq [[1.5, -0.25], [2.0, 4.0], :released]
    end
  end

  it "reads and writes strings and bytes" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      pointer.write_string("hello")
      events << [pointer.read_string, pointer.read_string(2), pointer.read_string_length(3), pointer.get_string(1)]
      pointer.put_string(8, "you")
      events << [pointer.get_string(8), pointer.get_string(8, 2), pointer.read_string_to_null, pointer.get_bytes(8, 3)]
      pointer.write_bytes("abcdef", 2, 3)
      pointer.put_bytes(3, "zz")
      events << pointer.read_bytes(6)
      events << pointer.read_bytes(2).encoding
      pointer.free
    end
    expect(log).to eq [["hello", "he", "hel", "ello"], ["you", "yo", "hello", "you"], "cdezz\0", Encoding::BINARY, :released]
  end

  it "reads an array of a type and of strings" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      text = FFI::MemoryPointer.from_string("text")
      pointer.write_pointer(text)
      pointer.put_pointer(8, nil)
      events << pointer.get_array_of_string(0)
      pointer.write_array_of_type(:int, :put_int, [1, 2])
      events << pointer.read_array_of_type(:int, :read_int, 2)
      pointer.free
    end
    expect(log).to eq [["text"], [1, 2], :released]
  end

  it "copies from other memory, and clears" do
    log = log_of do |events, base|
      pointer = handle(base).new(FFI::Pointer.new(events.raw).slice(0, 16))
      pointer.__copy_from__(FFI::MemoryPointer.from_string("hello"), 6)
      events << pointer.read_string
      pointer.clear
      events << pointer.read_string << pointer.size
      pointer.free
    end
    expect(log).to eq ["hello", "", 16, :released]
  end

  it "has slices and sums that are bare pointers" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      pointer.write_array_of_int([1, 2, 3, 4])
      parts = [pointer + 8, pointer.slice(8, 4), pointer.slice(4, 8)]
      events << parts.map(&:class) << parts.map { |part| part.address - pointer.address } << parts.map(&:read_int)
      events << parts[1].size << (error { parts[1].get_int(4) }).first
      pointer.free
    end
    expect(log).to eq [[FFI::Pointer] * 3, [8, 8, 4], [3, 3, 2], 4, IndexError, :released]
  end

  it "has elements by the type size of what it wraps" do
    log = log_of do |events, base|
      bytes = handle(base).new(events.raw(:bytes))
      ints = handle(base).new(FFI::Pointer.new(:int, events.raw(:ints)))
      events << [bytes.type_size, ints.type_size] << [bytes[3].address - bytes.address, ints[3].address - ints.address]
      events << ints[1].class << ints[1].type_size
      [bytes, ints].each(&:free)
    end
    expect(log).to eq [[1, 4], [3, 12], FFI::Pointer, 4, [:released, :bytes], [:released, :ints]]
  end

  it "keeps the bounds, the byte order and the type size of what it wraps" do
    log = log_of do |events, base|
      part = FFI::Pointer.new(:int16, events.raw).slice(0, 4).order(:big)
      pointer = handle(base).new(part)
      pointer.write_int16(1)
      events << [pointer.size, pointer.order, pointer.type_size == part.type_size, pointer.size_limit?]
      events << pointer.read_bytes(2) << (error { pointer.get_int(2) }).first
      pointer.free
    end
    expect(log).to eq [[4, :big, true, true], "\0\1".b, IndexError, :released]
  end

  it "has no bounds where what it wraps has none" do
    log = log_of do |events, base|
      raw = events.raw
      pointer = handle(base).new(raw)
      events << [pointer.size == raw.size, pointer.total == raw.total, pointer.size_limit?, pointer.order]
      pointer.free
    end
    expect(log).to eq [[true, true, false, :little], :released]
  end

  it "is seen in another byte order through order, and as itself through to_ptr" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      pointer.write_int16(1)
      swapped = pointer.order(:big)
      events << [swapped.read_int16, swapped.class, pointer.order, pointer.order(:little).equal?(pointer)]
      events << pointer.to_ptr.equal?(pointer)
      pointer.free
    end
    expect(log).to eq [[256, FFI::Pointer, :little, true], true, :released]
  end

  it "is kept alive by its slices, sums and elements" do
    log = log_of do |events, base|
      parts = {plus: ->(pointer) { pointer + 4 }, slice: ->(pointer) { pointer.slice(4, 4) }, element: ->(pointer) { pointer[4] }}
      parts.each do |name, part|
        out_of_reach do
          @part = part.call(handle(base).new(events.raw(name)))
          nil
        end
        full_gc
        events << @part.read_char
        out_of_reach { @part = nil }
        full_gc
      end
    end
    expect(log).to eq [0, [:released, :plus], 0, [:released, :slice], 0, [:released, :element]]
  end

  it "has an address under all its names" do
    log = log_of do |events, base|
      raw = events.raw
      pointer = handle(base).new(raw)
      events << [pointer.address, pointer.to_i].map { |address| address == raw.address } << pointer.null?
      events << FFI::Pointer.new(pointer).address.eql?(raw.address)
      pointer.free
    end
    expect(log).to eq [[true, true], false, true, :released]
  end

  it "is copied by an FFI::Pointer made of it, which does not own" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      other = FFI::Pointer.new(pointer)
      other.write_int(42)
      events << pointer.read_int << other.class
      pointer.free
    end
    expect(log).to eq [42, FFI::Pointer, :released]
  end
end

# Where ffi does not look at the address, which would be a crash.
Parity.describe "as an FFI::Pointer after free", Parity::SAFE do
  {
    "clear" => ->(pointer) { pointer.clear },
    "__copy_from__" => ->(pointer) { pointer.__copy_from__(FFI::MemoryPointer.from_string("hello"), 5) }
  }.each do |what, write|
    it "raises NullPointerError at #{what}" do
      log = log_of do |events, base|
        pointer = handle(base).new(FFI::Pointer.new(events.raw).slice(0, 16))
        pointer.free
        events << Array(error { write.call(pointer) }).first
      end
      expect(log).to eq [:released, FFI::NullPointerError]
    end
  end

  it "reads and writes nothing, and raises nothing, for no bytes" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      pointer.free
      events << [pointer.read_array_of_int(0), pointer.read_string(0)]
    end
    expect(log).to eq [:released, [[], ""]]
  end
end
