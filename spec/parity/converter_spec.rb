# frozen_string_literal: true

require_relative "parity"

# Subclasses that convert in their own way between C and Ruby.
Parity.describe "a subclass that overrides its conversion" do
  def library(&body)
    Module.new do
      extend FFI::Library
      ffi_lib Oracle.build
      class_exec(&body)
    end
  end

  def creating(type)
    library { attach_function :create, :oracle_new, [:size_t, :string], type }
  end

  # oracle_address returns its argument: with a pointer as result, an echo.
  def echoing(type)
    library { attach_function :echo, :oracle_address, [:pointer], type }
  end

  it "may give nil for NULL in from_native" do
    log = log_of do |events, base|
      type = handle(base) { def self.from_native(raw, context) = raw.null? ? nil : super }
      events << echoing(type).echo(nil)
      creating(type).create(16, "main").free
      events << :freed
    end
    expect(log).to eq [nil, [:released, :main], :freed]
  end

  it "may raise in from_native" do
    log = log_of do |events, base|
      type = handle(base) do
        def self.from_native(raw, _context)
          raise IOError, "out of handles" if raw.null?

          new(raw)
        end
      end
      events << (error { echoing(type).echo(nil) })
      creating(type).create(16, "main").free
    end
    expect(log).to eq [[IOError, "out of handles"], [:released, :main]]
  end

  it "may turn the memory into something else in from_native" do
    log = log_of do |events, base|
      type = handle(base) do
        def self.from_native(raw, context) = super.tap { |pointer| pointer.write_int(42) }.then { |pointer| [pointer] }
      end
      pointers = creating(type).create(16, "main")
      events << pointers.map(&:read_int)
      pointers.each(&:free)
    end
    expect(log).to eq [[42], [:released, :main]]
  end

  it "may choose the class in from_native" do
    log = log_of do |events, base|
      type = handle(base)
      special = Class.new(type)
      type.define_singleton_method(:from_native) { |raw, _context| special.new(raw) }
      pointer = creating(type).create(16, "main")
      events << pointer.instance_of?(special)
      pointer.free
    end
    expect(log).to eq [true, [:released, :main]]
  end

  it "may have a new of its own, which from_native calls" do
    log = log_of do |events, base|
      type = handle(base) { def self.new(raw, *) = raw.null? ? :null : super }
      events << (echoing(type).echo(nil) == :null) << (type.from_native(FFI::Pointer::NULL, nil) == :null)
      creating(type).create(16, "main").free
      events << :freed
    end
    expect(log).to eq [true, true, [:released, :main], :freed]
  end

  it "may keep its instances in a new of its own" do
    log = log_of do |events, base|
      type = handle(base) do
        @known = {}
        def self.new(raw) = @known[raw.address] ||= super
      end
      pointer = creating(type).create(16, "main")
      events << type.from_native(pointer.to_ptr, nil).equal?(pointer)
      pointer.free
    end
    expect(log).to eq [true, [:released, :main]]
  end

  it "may have a private new, which from_native calls" do
    log = log_of do |events, base|
      type = handle(base) { private_class_method :new }
      creating(type).create(16, "main").free
      events << :freed
    end
    expect(log).to eq [[:released, :main], :freed]
  end

  it "may have an initialize that refuses what from_native gives it" do
    log = log_of do |events, base|
      type = handle(base) do
        def initialize(raw)
          raise IOError, "out of handles" if raw.null?

          super
        end
      end
      events << (error { echoing(type).echo(nil) })
      creating(type).create(16, "main").free
    end
    expect(log).to eq [[IOError, "out of handles"], [:released, :main]]
  end

  it "may pass something else to C in to_native" do
    log = log_of do |events, base|
      type = handle(base) { def self.to_native(value, _context) = value + 8 }
      functions = library { attach_function :address, :oracle_address, [type], :size_t }
      pointer = type.new(events.raw)
      events << (functions.address(pointer) - pointer.address)
      pointer.free
    end
    expect(log).to eq [8, :released]
  end

  it "may check in to_native, and call super" do
    log = log_of do |events, base|
      type = handle(base) do
        def self.to_native(value, context)
          raise TypeError, "a handle, please" unless value.is_a?(self)

          super
        end
      end
      functions = library { attach_function :address, :oracle_address, [type], :size_t }
      pointer = type.new(events.raw)
      events << (functions.address(pointer) == pointer.address) << (error { functions.address(pointer.to_ptr + 0) })
      pointer.free
    end
    expect(log).to eq [true, [TypeError, "a handle, please"], :released]
  end

  it "may have a native_type of its own, and then needs no release" do
    log = log_of do |events, base|
      type = Class.new(base) do
        def self.native_type = FFI::Type::POINTER
        def initialize(raw) = super(raw, Oracle.method(:free))
      end
      creating(type).create(16, "main").free
      events << :freed
    end
    expect(log).to eq [[:released, :main], :freed]
  end

  it "may be passed as an integer by its native_type" do
    log = log_of do |events, base|
      type = handle(base) do
        def self.native_type = FFI::Type::ULONG
        def self.to_native(value, _context) = value.address
        def self.from_native(address, context) = super(FFI::Pointer.new(address), context)
      end
      pointer = creating(type).create(16, "main")
      functions = library { attach_function :address, :oracle_address, [type], :size_t }
      events << (functions.address(pointer) == pointer.address)
      pointer.free
    end
    expect(log).to eq [true, [:released, :main]]
  end

  it "may take more than one converter from its class: a module with from_native and to_native" do
    log = log_of do |events, base|
      converter = Module.new do
        define_method(:from_native) { |raw, context| events << :from and super(raw, context) }
        define_method(:to_native) { |value, context| events << :to and super(value, context) }
      end
      type = handle(base) { extend converter }
      pointer = creating(type).create(16, "main")
      library { attach_function :address, :oracle_address, [type], :size_t }.address(pointer)
      pointer.free
    end
    expect(log).to eq [:from, :to, [:released, :main]]
  end
end
