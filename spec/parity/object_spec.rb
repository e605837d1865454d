# frozen_string_literal: true

require_relative "parity"

Parity.describe "as a Ruby object" do
  it "is an FFI::Pointer and an FFI::AbstractMemory" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      events << [base, FFI::Pointer, FFI::AbstractMemory].map { |type| pointer.is_a?(type) && type === pointer }
      events << (base.superclass == FFI::Pointer) << base.singleton_class.include?(FFI::DataConverter)
      pointer.free
    end
    expect(log).to eq [[true, true, true], true, true, :released]
  end

  it "has the methods of FFI::AutoPointer" do
    log = log_of do |events, base|
      own = %i[free autorelease= autorelease?]
      events << own.map { |name| base.public_method_defined?(name, false) }
      events << %i[autorelease= autorelease?].map { |name| base.instance_method(name).arity }
      events << %i[native_type from_native to_native size].map { |name| base.respond_to?(name) }
      events << (FFI::Pointer.public_instance_methods - base.public_instance_methods)
      events << base.private_method_defined?(:initialize)
    end
    expect(log).to eq [[true, true, true], [1, 0], [true] * 4, [], true]
  end

  it "takes no arguments to free" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      events << (pointer.free(1) rescue $!.message) << pointer.free
    end
    expect(log).to eq ["wrong number of arguments (given 1, expected 0)", :released, nil]
  end

  it "has no release of its own, private or public" do
    log = log_of { |events, base| events << base.respond_to?(:release, true) }
    expect(log).to eq [false]
  end

  it "equals pointers of the same address" do
    log = log_of do |events, base|
      raw = events.raw
      pointer = handle(base).new(raw)
      twin = handle(base).new(raw).tap { |other| other.autorelease = false }
      events << [pointer == raw, raw == pointer, pointer == twin, pointer != twin, pointer == pointer + 0]
      events << [pointer == pointer + 8, pointer.==(nil)]
      events << [raw.address, "text"].map { |other| error { pointer == other } == error { raw == other } }
      pointer.free
    end
    expect(log).to eq [[true, true, true, false, true], [false, false], [true, true], :released]
  end

  it "is NULL's equal, and nil's, where it wraps NULL" do
    log = log_of do |events, base|
      pointer = handle(base).new(FFI::Pointer::NULL)
      events << [pointer == FFI::Pointer::NULL, FFI::Pointer::NULL == pointer, pointer.null?]
      events << pointer.==(nil)
      pointer.autorelease = false
    end
    expect(log).to eq [[true, true, true], true]
  end

  it "is a Hash key as other pointers are" do
    log = log_of do |events, base|
      raw = events.raw
      pointer = handle(base).new(raw)
      twin = handle(base).new(raw).tap { |other| other.autorelease = false }
      table = {pointer => :pointer, twin => :twin, raw => :raw}
      events << table.size << table.values_at(pointer, twin, raw) << [pointer, twin, pointer].uniq.size
      events << pointer.hash.eql?(pointer.hash) << pointer.eql?(pointer.itself) << pointer.eql?(twin)
      pointer.free
    end
    expect(log).to eq [3, %i[pointer twin raw], 2, true, true, false, :released]
  end

  it "is found in a Hash after free, too" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      table = {pointer => :found}
      by_identity = {}.compare_by_identity.merge!(pointer => :found)
      pointer.free
      events << table[pointer] << by_identity[pointer] << [pointer].include?(pointer)
    end
    expect(log).to eq [:released, :found, :found, true]
  end

  it "can be held by weak references" do
    log = log_of do |events, base|
      require "weakref"
      out_of_reach do
        @weak = WeakRef.new(handle(base).new(events.raw(:weak)))
        nil
      end
      full_gc
      events << (@weak.weakref_alive? || false)
      @kept = handle(base).new(events.raw(:kept))
      map = ObjectSpace::WeakMap.new
      map[@kept] = @kept
      full_gc
      events << map.key?(@kept)
    end
    expect(log).to eq [[:released, :weak], false, true, [:released, :kept]]
  end

  it "is listed in ObjectSpace" do
    log = log_of do |events, base|
      type = handle(base)
      pointers = Array.new(3) { type.new(events.raw) }
      # Pointers equal others of the same address, so they are told apart by identity.
      of_base = ObjectSpace.each_object(base).to_a.to_h { |pointer| [pointer.__id__, true] }
      events << ObjectSpace.each_object(type).count << pointers.count { |pointer| of_base[pointer.__id__] }
      pointers.each(&:free)
    end
    expect(log).to eq [3, 3, :released, :released, :released]
  end

  it "shows its class and address in inspect and to_s" do
    log = log_of do |events, base|
      pointer = base.new(events.raw, Oracle.method(:free))
      bounded = base.new(FFI::Pointer.new(4096).slice(0, 8), ->(_) {})
      events << [pointer.inspect, pointer.to_s].map { |text| text.sub(Address.print(pointer.address), "...") }
      events << bounded.inspect
      pointer.free
    end
    name = candidate.title[/[\w:]+/]
    expect(log).to eq [["#<#{name} address=...>"] * 2, "#<#{name} address=#{Address.print(4096)} size=8>", :released]
  end

  it "cannot be marshalled" do
    log = log_of do |events, base|
      pointer = base.new(events.raw, Oracle.method(:free))
      events << (error { Marshal.dump(pointer) }) << (error { Marshal.dump([pointer]) }).first
      pointer.free
      events << (error { Marshal.dump(pointer) }).first
    end
    message = "no _dump_data is defined for class #{candidate.title[/[\w:]+/]}"
    expect(log).to eq [[TypeError, message], TypeError, :released, TypeError]
  end

  # Before, the copy got the finalizer even though it was refused (ffi/ffi#1155).
  it "cannot be copied", since: "1.17.4" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      events << (error { pointer.dup }) << (error { pointer.clone })
      pointer.free
    end
    expect(log).to eq [[RuntimeError, "cannot duplicate #{candidate.title[/[\w:]+/]}"]] * 2 + [:released]
  end

  it "can be frozen, read and freed then" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      pointer.write_int(42)
      pointer.freeze
      events << [pointer.frozen?, pointer.read_int, (pointer + 0).frozen?]
      events << (error { pointer.instance_variable_set(:@a, 1) }).first
      2.times { pointer.free }
      @kept = handle(base).new(events.raw(:kept)).freeze
    end
    expect(log).to eq [[true, 42, false], FrozenError, :released, [:released, :kept]]
  end

  it "is released at GC while frozen" do
    log = log_of do |events, base|
      out_of_reach { handle(base).new(events.raw).freeze }
      full_gc
      events << :collected
    end
    expect(log).to eq [:released, :collected]
  end

  it "can be written while it is frozen, or not, as other pointers" do
    log = log_of do |events, base|
      raw = events.raw
      pointer = handle(base).new(raw).freeze
      events << (error { pointer.write_int(1) } == error { FFI::Pointer.new(raw.address).freeze.write_int(1) })
      pointer.free
    end
    expect(log).to eq [true, :released]
  end

  it "has singleton methods, and methods by extend" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      def pointer.answer = 42
      pointer.extend(Module.new { def question = "what?" })
      events << pointer.answer << pointer.question << pointer.singleton_methods.include?(:answer)
      pointer.free
    end
    expect(log).to eq [42, "what?", true, :released]
  end

  it "answers respond_to?, send and method for what it can do" do
    log = log_of do |events, base|
      pointer = handle(base).new(events.raw)
      events << [pointer.respond_to?(:free), pointer.respond_to?(:autorelease=), pointer.respond_to?(:release)]
      pointer.public_send(:autorelease=, false)
      events << pointer.method(:autorelease?).call
      pointer.method(:free).to_proc.call
    end
    expect(log).to eq [[true, true, false], false, :released]
  end
end
