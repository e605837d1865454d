# frozen_string_literal: true

require_relative "parity"

# Pointer classes as parameter and return types of functions.
Parity.describe "as an FFI type" do
  # What a scenario attaches functions to.
  def library(&body)
    Module.new do
      extend FFI::Library
      ffi_lib Oracle.build, FFI::Library::LIBC
      class_exec(&body)
    end
  end

  it "is that of pointers" do
    log = log_of do |events, base|
      events << handle(base).native_type.equal?(FFI::Type::POINTER)
      events << handle(Class.new(handle(base))).native_type.equal?(FFI::Type::POINTER)
      events << handle(base).size
    end
    expect(log).to eq [true, true, FFI::Pointer::SIZE]
  end

  it "is that of pointers with a private release, too", since: "1.17" do
    log = log_of do |events, base|
      type = handle(base) { private_class_method :release }
      events << type.native_type.equal?(FFI::Type::POINTER)
    end
    expect(log).to eq [true]
  end

  it "is none without a release" do
    log = log_of do |events, base|
      type = Class.new(base) { def self.inspect = "Nameless" }
      events << (error { type.native_type }) << (error { base.native_type })
    end
    expect(log).to eq [
      [RuntimeError, "no release method defined for Nameless"],
      [RuntimeError, "no release method defined for #{candidate.title[/[\w:]+/]}"]
    ]
  end

  it "cannot be set, as that of other converters can" do
    log = log_of { |events, base| events << (error { handle(base).native_type(:int) }) }
    expect(log).to eq [[ArgumentError, "wrong number of arguments (given 1, expected 0)"]]
  end

  it "is found under the class, a typedef and FFI.find_type" do
    log = log_of do |events, base|
      type = handle(base)
      functions = library do
        typedef type, :handle
        attach_function :create, :oracle_new, [:size_t, :string], :handle
        attach_function :address, :oracle_address, [:handle], :size_t
      end
      pointer = functions.create(16, "main")
      events << [pointer.instance_of?(type), functions.address(pointer) == pointer.address]
      events << FFI.find_type(type).class << FFI::Type::Mapped.new(type).native_type.equal?(FFI::Type::POINTER)
      pointer.free
    end
    expect(log).to eq [[true, true], FFI::Type::Mapped, true, [:released, :main]]
  end

  it "makes an instance of what a function returns, released like any other" do
    log = log_of do |events, base|
      type = handle(base)
      functions = library { attach_function :create, :oracle_new, [:size_t, :string], type }
      functions.create(16, "freed").free
      out_of_reach { functions.create(16, "collected") }
      full_gc
      events << :collected
      @kept = functions.create(16, "kept")
      events << @kept.instance_of?(type)
    end
    expect(log).to eq [[:released, :freed], [:released, :collected], :collected, true, [:released, :kept]]
  end

  it "makes an instance of the memory that an FFI::Function returns" do
    log = log_of do |events, base|
      symbol = Oracle.ffi_libraries.first.find_function("oracle_new")
      create = FFI::Function.new(FFI.find_type(handle(base)), [:size_t, :string], symbol)
      pointer = create.call(16, "main")
      pointer.free
      events << :freed
    end
    expect(log).to eq [[:released, :main], :freed]
  end

  it "is converted by from_native and to_native" do
    log = log_of do |events, base|
      type = handle(base)
      pointer = type.from_native(events.raw(:main), nil)
      events << [pointer.instance_of?(type), type.to_native(pointer, nil).equal?(pointer), type.to_native(nil, nil)]
      events << type.to_native(4096, nil) << type.to_native("text", nil)
      pointer.free
    end
    expect(log).to eq [[true, true, nil], 4096, "text", [:released, :main]]
  end

  it "passes the address of an instance, of another pointer, and NULL for nil" do
    log = log_of do |events, base|
      type = handle(base)
      functions = library { attach_function :address, :oracle_address, [type], :size_t }
      raw = events.raw
      pointer = type.new(raw)
      given = [pointer, raw, pointer + 8, handle(base).from_native(FFI::Pointer.new(64), nil)]
      events << given.map { |value| functions.address(value) }.zip(given.map(&:address)).map { |got, had| got == had }
      events << functions.address(nil)
      given.last.autorelease = false
    end
    expect(log).to eq [[true, true, true, true], 0, :released]
  end

  it "passes the address as :pointer, in varargs and to a blocking function" do
    log = log_of do |events, base|
      type = handle(base)
      functions = library do
        attach_function :address, :oracle_address, [:pointer], :size_t
        attach_function :address_blocking, :oracle_address, [type], :size_t, blocking: true
        attach_function :snprintf, [:buffer_out, :size_t, :string, :varargs], :int
      end
      pointer = type.new(events.raw)
      text = FFI::MemoryPointer.new(64)
      functions.snprintf(text, 64, "%p %p", :pointer, pointer, type, pointer)
      events << [functions.address(pointer), functions.address_blocking(pointer)].uniq.eql?([pointer.address])
      events << (text.read_string == ([format("0x%x", pointer.address)] * 2).join(" "))
    end
    expect(log).to eq [true, true, :released]
  end

  it "refuses what is no pointer as ffi does" do
    log = log_of do |events, base|
      type = handle(base)
      typed = library { attach_function :address, :oracle_address, [type], :size_t }
      untyped = library { attach_function :address, :oracle_address, [:pointer], :size_t }
      [42.5, Object, :symbol].each do |wrong|
        events << (error { typed.address(wrong) } == error { untyped.address(wrong) })
      end
      events << (error { typed.address(42.5) }).first
    end
    expect(log).to eq [true, true, true, ArgumentError]
  end

  it "works for the parameters of callbacks" do
    log = log_of do |events, base|
      type = handle(base)
      functions = library do
        callback :order, [type, type], :int
        attach_function :bsearch, [:pointer, :pointer, :size_t, :size_t, :order], :pointer
      end
      key = events.raw(:key)
      memory = events.raw(:memory)
      found = functions.bsearch(key, memory, 1, 1, lambda { |one, other|
        events << [one.instance_of?(type), one.address == key.address, other.address == memory.address]
        one.free
        other.free
        0
      })
      events << (found.address == memory.address)
    end
    expect(log).to eq [[true, true, true], [:released, :key], [:released, :memory], true]
  end

  it "works for the result of callbacks" do
    log = log_of do |events, base|
      type = FFI.find_type(handle(base))
      pointer = handle(base).new(events.raw)
      answer = FFI::Function.new(type, [:int]) { |_| pointer }
      result = FFI::Function.new(:pointer, [:int], answer).call(1)
      events << (result.address == pointer.address)
      pointer.free
    end
    expect(log).to eq [true, :released]
  end
end
