# frozen_string_literal: true

require "objspace"
require "open3"
require_relative "../support/native_handle"

# Where it can, the constructor writes what ffi's would have written, instead of calling it.
RSpec.describe SafePointer, "ffi's data" do
  raws = {
    "a number" => -> { FFI::Pointer.new(0x1000) },
    "a number with a type size" => -> { FFI::Pointer.new(:int64, 0x1000) },
    "a high number" => -> { FFI::Pointer.new(256**FFI::Pointer.size / 2 - 16) },
    "the highest number" => -> { FFI::Pointer.new([256**FFI::Pointer.size, 2**63].min - 1) }, # ffi takes no higher one
    "NULL" => -> { FFI::Pointer.new(0) },
    "the NULL constant" => -> { FFI::Pointer::NULL },
    "another pointer" => -> { FFI::Pointer.new(:short, FFI::Pointer.new(0x2000)) },
    "another pointer moved on" => -> { FFI::Pointer.new(0x2000) + 8 },
    "a slice" => -> { FFI::Pointer.new(0x2000).slice(8, 16) },
    "a part of a memory pointer" => -> { FFI::MemoryPointer.new(:int, 4) + 4 },
    "a copy, which owns its memory" => -> { FFI::MemoryPointer.new(:char, 8).slice(0, 8).dup },
    "what a function returns" => -> { Oracle.create },
    "an object of a subclass" => -> { Class.new(FFI::Pointer).new(:int, 0x3000) },
    "a pointer with the other byte order" => -> { FFI::Pointer.new(0x1000).order(:big) }
  }
  # The data is at the address that an object has behind its flags, its class and two words more.
  length = 4 * FFI::Pointer.size + FFI.type_size(:long) + 2 * FFI.type_size(:int) # in ffi 1.15 and 1.17
  data = lambda do |pointer|
    object = FFI::Pointer.new(ObjectSpace.dump(pointer)[/"address":"0x(\h+)"/, 1].hex)
    object.get_pointer(4 * FFI::Pointer.size).get_bytes(0, length)
  end
  # What a pointer keeps of another of which only the address matters, and what of any other.
  address_only = ->(raw) { FFI::Pointer.new(raw.type_size, raw.address) }
  whole = ->(raw) { FFI::Pointer.new(raw.type_size, raw) }

  raws.each do |from, make|
    it "made from #{from} are those of a plain pointer, and so they are when it is released" do
      raw = make.call
      pointer = SafePointer.new(raw, ->(_) {})
      plain = whole.call(raw)
      expect(data.call(pointer)).to eq data.call(plain)
      next if raw.null?

      pointer.free
      plain.send(:initialize, raw.type_size, 0)
      expect(data.call(pointer)).to eq data.call(plain)
    end

    it "of a native class, made from #{from}, are those of a plain pointer to where that is, or to all that it is" do
      raw = make.call
      is_address = raw.instance_of?(FFI::Pointer) && data.call(raw) == data.call(address_only.call(raw))
      plain = is_address && !raw.null? ? address_only.call(raw) : whole.call(raw)
      pointer = Class.new(SafePointer) { release_with Oracle, :count }.new(raw)
      expect(data.call(pointer)).to eq data.call(plain)
    ensure
      pointer&.detach unless raw&.null? # or it is released in the children of other examples
    end
  end

  it "are left to an initialize that somebody has put in front of ffi's" do
    seen = run_ruby(<<~RUBY).events
      tap = Module.new { define_method(:initialize) { |*args| events << args.size; super(*args) } }
      FFI::Pointer.prepend(tap)
      SafePointer.new(events.raw) { |raw| Oracle.free(raw) }.free
    RUBY
    expect(seen).to include 2, :released
  end

  it "are left to an initialize that somebody has put behind ours" do
    seen = run_ruby(<<~RUBY).events
      tap = Module.new { define_method(:initialize) { |*args| events << args.size; super(*args) } }
      SafePointer.include(tap)
      Class.new(Handle).new(events.raw).free
    RUBY
    expect(seen).to eq [2, :released]
  end

  # ffi before 1.16 does not say how long its data is, and the C library only how long a block is that has it. The look
  # takes 27 blocks.
  [0, 10, 18, 20, 22, 24, 26, 28, 30, 100].each do |count|
    it "are known where the first #{count} blocks that ffi gets for the look are longer than what it asks for" do
      out, status = Open3.capture2e(RbConfig.ruby, "-I", File.expand_path("../../lib", __dir__), "-e", <<~RUBY)
        require "ffi"
        module C
          extend FFI::Library
          ffi_lib FFI::Library::LIBC
          attach_function :malloc, [:size_t], :pointer
          attach_function :free, [:pointer], :void
        end
        longer = Array.new(#{count}) { [C.malloc(72), C.malloc(72)].first }
        GC.disable
        # What is free and small is for blocks of other sizes only when a large block has been asked for.
        for_others = -> { C.free(C.malloc(1 << 20)) }
        prepare = lambda do
          for_others.call
          $fill = Array.new(20_000) { C.malloc(56) }
          longer.each { |block| C.free(block) }
          for_others.call
        end
        FFI::Pointer.define_singleton_method(:allocate) do
          prepare&.call
          prepare = nil
          super()
        end
        require "safe_pointer"
        rest = Array.new(2_000) { C.malloc(16) }
        calls = 0
        watch = TracePoint.new(:c_call) { |call| calls += 1 if call.defined_class.equal?(FFI::Pointer) }
        made = watch.enable { rest.map { |block| SafePointer.new(block, C.method(:free)) } }
        print calls, " of ", made.size
      RUBY
      expect([out, status.success?]).to eq ["0 of 2000", true]
    end
  end

  it "keep the wrapped pointer, and what that keeps, alive" do
    log = in_child do |events|
      made = nil
      gone = ->(_) { events << :gone }
      out_of_reach do
        memory = FFI::MemoryPointer.new(:int).write_int(42)
        ObjectSpace.define_finalizer(memory, gone)
        made = SafePointer.new(memory + 0, ->(_) {})
        made.detach # or it would be kept for the release, too
      end
      full_gc
      events << made.read_int
    end
    expect(log.first).to eq 42
  end
end
