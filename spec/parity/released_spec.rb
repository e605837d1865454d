# frozen_string_literal: true

require_relative "parity"
require_relative "released"

Parity.describe "given to ffi after free", Parity::SAFE do
  managed = lambda do |base|
    Class.new(base) do
      layout(*Released::FIELDS)
      def self.release(raw) = Oracle.free(raw)
    end
  end

  kinds = {
    "a pointer" => ->(raw) { handle(candidate.pointer).new(raw).tap(&:free) },
    "a pointer with release_with" =>
      ->(raw) { Class.new(candidate.pointer) { release_with Oracle, :free }.new(raw).tap(&:free) },
    "a managed struct's pointer" =>
      ->(raw) { managed.call(candidate.managed_struct).new(raw).pointer.tap(&:free) }
  }

  # The class of the error, and of its message the class, the method and whether it shows a released pointer.
  define_method(:refusal) do |&body|
    type, message = error(&body)
    [type, *message&.match(/\A(.+)#(\W|\w+): #<.+ address=0x\h+( freed)> is NULL\z/)&.captures]
  end

  define_method(:released) do |make, events|
    instance_exec(events.raw(size: 256), &make)
  end

  kinds.each do |kind, make|
    Released::CRASHES.each do |what, use|
      it "raises NullPointerError at #{what}: #{kind}" do
        log = log_of do |events, _|
          pointer = released(make, events)
          events << error { use.call(pointer) }.first
        end
        expect(log).to eq [:released, FFI::NullPointerError]
      end
    end

    it "raises NullPointerError at whatever reads or writes a struct over #{kind}" do
      log = log_of do |events, _|
        struct = Released::Outer.new(released(make, events))
        events << Released::REFUSED.transform_values { |use| Array(error { use.call(struct) }).first }
      end
      expect(log).to eq [:released, Released::REFUSED.transform_values { FFI::NullPointerError }]
    end

    it "raises NullPointerError at every accessor of #{kind}" do
      names = FFI::Pointer.public_instance_methods.grep(/\A(get|put|read|write)(_|\z)/).sort
      log = log_of do |events, _|
        pointer = released(make, events)
        events << names.to_h { |name| [name, Array(error { pointer.send(name, *Released.arguments(name)) }).first] }
      end
      expect(names).to include :get, :put_pointer, :read_array_of_type, :write_array_of_uint64
      expect(log).to eq [:released, names.to_h { |name| [name, FFI::NullPointerError] }]
    end

    it "raises NullPointerError at a get of any type of #{kind}" do
      types = %i[int8 uint64 long float double long_double pointer string bool]
      log = log_of do |events, _|
        pointer = released(make, events)
        events << types.to_h { |type| [type, Array(error { pointer.get(type, 0) }).first] }
      end
      expect(log).to eq [:released, types.to_h { |type| [type, FFI::NullPointerError] }]
    end

    it "names class, method and value: #{kind}" do
      uses = {
        "+" => ->(pointer) { pointer + 8 }, "slice" => ->(pointer) { pointer.slice(0, 8) },
        "order" => ->(pointer) { pointer.order(:big) }, "get" => ->(pointer) { pointer.get(:string, 0) },
        "clear" => ->(pointer) { pointer.clear }, "__copy_from__" => ->(pointer) { pointer.__copy_from__(pointer, 8) }
      }
      log = log_of do |events, _|
        pointer = released(make, events)
        events << refusal { FFI::MemoryPointer.new(8).__copy_from__(pointer, 8) }
        events << refusal { Released::Outer.new[:second] = Released::Inner.new(pointer) }
        events << uses.map { |name, use| refusal { use.call(pointer) } == [FFI::NullPointerError, pointer.class.to_s, name, " freed"] }
      end
      expect(log).to eq [
        :released, [FFI::NullPointerError, "FFI::MemoryPointer", "__copy_from__", " freed"],
        [FFI::NullPointerError, "FFI::Pointer", "__copy_from__", " freed"], [true] * uses.size
      ]
    end

    it "is NULL where its address is asked for: #{kind}" do
      log = log_of do |events, _|
        pointer = released(make, events)
        memory = FFI::MemoryPointer.new(:pointer)
        puts = {put_pointer: [0, pointer], put: [:pointer, 0, pointer], put_array_of_pointer: [0, [pointer]]}
        events << puts.map do |name, arguments|
          memory.write_long(1)
          memory.send(name, *arguments)
          memory.read_pointer.null?
        end
        reference = Released::Reference.new
        reference[:pointer] = pointer
        events << [reference[:pointer], FFI::Pointer.new(pointer), FFI::Function.new(:pointer, []) { pointer }.call].map(&:null?)
        events << [Released::Inner.new(pointer).null?, pointer.order, pointer.to_ptr.equal?(pointer)]
      end
      expect(log).to eq [:released, [true] * 3, [true] * 3, [true, :little, true]]
    end

    it "is NULL as a variable argument: #{kind}" do
      log = log_of do |events, _|
        library = Module.new do
          extend FFI::Library
          ffi_lib FFI::Library::LIBC
          attach_function :snprintf, [:pointer, :size_t, :string, :varargs], :int
        end
        text = FFI::MemoryPointer.new(32)
        library.snprintf(text, 32, "%zx", :pointer, released(make, events))
        events << text.read_string
      end
      expect(log).to eq [:released, "0"]
    end

    # docs/guarantees.md says so.
    it "is not looked at by ffi for a :string field, and as the result of a callback by value: #{kind}" do
      log = log_of do |events, _|
        pointer = released(make, events)
        events << Class.new(FFI::Struct) { layout :text, :string }.new(pointer)[:text]
        events << FFI::Function.new(Released::Inner.by_value, []) { Released::Inner.new(pointer) }.call.values
      end
      expect(log).to eq [:released, nil, [0, 0]]
    end

    it "is no source of a copy of no bytes: #{kind}" do
      log = log_of do |events, _|
        pointer = released(make, events)
        memory = FFI::MemoryPointer.from_string("text")
        events << memory.__copy_from__(pointer, 0).read_string
      end
      expect(log).to eq [:released, "text"]
    end
  end

  describe "a managed struct" do
    {
      "as a field" => ->(struct) { Class.new(FFI::Struct) { layout :x, :int, :inner, struct.class }.new[:inner] = struct },
      "as an element" =>
        ->(struct) { Class.new(FFI::Struct) { layout :items, [struct.class, 2] }.new[:items][1] = struct },
      "that gets a field" => ->(struct) { struct[:second] = Released::Inner.new },
      "that gets a field of another" => ->(struct) { Released::Outer.new[:second] = struct[:second] },
      "that is cleared" => ->(struct) { struct.clear },
      "that is copied" => ->(struct) { struct.dup },
      "that is cloned" => ->(struct) { struct.clone },
      "in another byte order" => ->(struct) { struct.order(:big) }
    }.each do |what, use|
      it "raises NullPointerError: #{what}" do
        log = log_of do |events, _|
          struct = managed.call(candidate.managed_struct).new(events.raw(size: 256))
          struct.pointer.free
          events << error { use.call(struct) }.first
        end
        expect(log).to eq [:released, FFI::NullPointerError]
      end
    end

    it "raises NullPointerError at whatever reads or writes it" do
      log = log_of do |events, _|
        struct = managed.call(candidate.managed_struct).new(events.raw(size: 256))
        struct.pointer.free
        events << Released::REFUSED.transform_values { |use| Array(error { use.call(struct) }).first }
      end
      expect(log).to eq [:released, Released::REFUSED.transform_values { FFI::NullPointerError }]
    end

    it "names class and method where it is copied" do
      log = log_of do |events, _|
        struct = managed.call(candidate.managed_struct).new(events.raw(size: 256))
        struct.pointer.free
        events << (refusal { struct.dup } == [FFI::NullPointerError, struct.class.to_s, "initialize_copy", " freed"])
      end
      expect(log).to eq [:released, true]
    end
  end
end

# Before its release, and on NULL, everything is as ffi has it.
Parity.describe "given to ffi" do
  it "is the source and the target of copies" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw(size: 256))
      pointer.write_array_of_int([1, 2, 3, 4])
      outer = Released::Outer.new
      outer[:second] = Released::Inner.new(pointer)
      outer[:items][1] = Released::Inner.new(pointer + 8)
      buffer = FFI::Buffer.new(8).__copy_from__(pointer, 8)
      events << outer[:second].values << outer[:items][1].values << buffer.get_array_of_int(0, 2)
      Released::Outer.new(pointer)[:second] = outer[:second]
      events << pointer.read_array_of_int(4) << pointer.order(:big).slice(4, 4).read_int
      pointer.put_pointer(64, nil)
      pointer.put_pointer(72, text = FFI::MemoryPointer.from_string("text"))
      events << [pointer.get(:int, 4), pointer.read(:bool), pointer.get(:string, 64), pointer.get(:string, 72), text.size]
      pointer.free
    end
    expect(log).to eq [[1, 2], [3, 4], [1, 2], [1, 2, 1, 2], 2 << 24, [2, true, nil, "text", 5], :released]
  end

  it "has parts of NULL, and copies of no bytes, where it wraps NULL" do
    log = log_of do |events, base|
      pointer = handle(base).new(FFI::Pointer::NULL).tap { |null| null.autorelease = false }
      events << [pointer + 8, pointer.slice(8, 4), pointer[8]].map(&:address) << pointer.order(:big).null?
      events << Released::Outer.new(pointer)[:second].pointer.address << Released::Outer.new(pointer).dup.null?
      events << FFI::MemoryPointer.from_string("text").__copy_from__(pointer, 0).read_string << pointer.get(:string, 0)
    end
    expect(log).to eq [[8, 8, 8], true, 8, true, "text", nil]
  end

  it "refuses what is no memory as the source of a copy, in ffi's words" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      bare = FFI::Pointer.new(pointer.address)
      copy = FFI::AbstractMemory.instance_method(:__copy_from__)
      events << [nil, "text", 1, Released::Inner.new].map do |source|
        error { pointer.__copy_from__(source, 4) } == error { copy.bind_call(bare, source, 4) }
      end
      pointer.free
    end
    expect(log).to eq [[true] * 4, :released]
  end
end
