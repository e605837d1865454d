# frozen_string_literal: true

# What SafePointer::ManagedStruct has beyond FFI::ManagedStruct. What they have in common is in spec/parity.
RSpec.describe SafePointer::ManagedStruct do
  # Memory of x and y whose class method is the destructor.
  def point(&body)
    Class.new(SafePointer::ManagedStruct) do
      layout :x, :int, :y, :int
      def self.release(raw) = Oracle.free(raw)
      class_eval(&body) if body
    end
  end

  it "is an FFI::Struct on a SafePointer" do
    struct = point.new(Oracle.create)
    expect([struct, struct.pointer]).to match [be_a(FFI::Struct), be_an_instance_of(SafePointer)]
  end

  it "is released by free, once" do
    log = in_child do |events|
      out_of_reach { 2.times.with_object(point.new(events.raw(:dropped))) { |_, struct| struct.free } }
      full_gc
      events << :collected
      @alive_at_exit = point.new(events.raw(:kept))
      events << [@alive_at_exit.freed?, @alive_at_exit.free, @alive_at_exit.free, @alive_at_exit.freed?]
    end
    expect(log).to eq [[:released, :dropped], :collected, [:released, :kept], [false, nil, nil, true]]
  end

  it "shares the claim of its pointer" do
    log = in_child do |events|
      first = point.new(events.raw(:first))
      first.free
      events << [first.pointer.free, first.pointer.freed?]
      second = point.new(events.raw(:second))
      second.pointer.free
      events << [second.free, second.freed?]
    end
    expect(log).to eq [[:released, :first], [nil, true], [:released, :second], [nil, true]]
  end

  describe "after free" do
    let(:struct) { point.new(Oracle.create).tap { |struct| struct[:x] = 1 }.tap(&:free) }

    it "raises NullPointerError where a field is read" do
      expect { struct[:x] }.to raise_error(FFI::NullPointerError)
    end

    it "raises NullPointerError where a field is written" do
      expect { struct[:x] = 2 }.to raise_error(FFI::NullPointerError)
    end

    it "raises NullPointerError where all fields are read" do
      expect { struct.values }.to raise_error(FFI::NullPointerError)
    end

    # In children: ffi does not look where it writes.
    it "raises NullPointerError where it is cleared" do
      log = in_child { |events| events << (point.new(events.raw).tap(&:free).clear rescue $!.class) }
      expect(log).to eq [:released, FFI::NullPointerError]
    end

    it "raises NullPointerError for fields that are arrays, strings and structs" do
      inner = Class.new(FFI::Struct) { layout :value, :int }
      type = Class.new(SafePointer::ManagedStruct) do
        layout :items, [:int, 2], :text, [:char, 4], :inner, inner
        def self.release(raw) = Oracle.free(raw)
      end
      struct = type.new(Oracle.create).tap(&:free)
      expect { struct[:items][0] }.to raise_error(FFI::NullPointerError)
      expect { struct[:text].to_s }.to raise_error(FFI::NullPointerError)
      expect { struct[:inner][:value] }.to raise_error(FFI::NullPointerError)
    end

    it "is null, and passes NULL by reference" do
      type = point
      functions = Module.new do
        extend FFI::Library
        ffi_lib Oracle.build
        attach_function :address, :oracle_address, [type.by_ref], :size_t
      end
      struct = type.new(Oracle.create)
      before = functions.address(struct) == struct.pointer.address
      struct.free
      expect([before, struct.null?, functions.address(struct)]).to eq [true, true, 0]
    end

    it "still knows its layout" do
      expect([struct.size, struct.members, struct.offsets]).to eq [8, %i[x y], [[:x, 0], [:y, 4]]]
    end
  end

  it "can have its fields read in the release" do
    log = in_child do |events|
      type = point
      type.define_singleton_method(:release) do |raw|
        events << new_borrowed(raw)[:x]
        Oracle.free(raw)
      end
      plain = Class.new(FFI::Struct) { layout :x, :int }
      type.define_singleton_method(:new_borrowed) { |raw| plain.new(raw) }
      struct = type.new(events.raw)
      struct[:x] = 42
      struct.free
    end
    expect(log).to eq [42, :released]
  end

  it "passes an error of the release on, and does not retry" do
    log = in_child do |events|
      type = point
      type.define_singleton_method(:release) { |_| events << :entered and raise(IOError, "busy") }
      @alive_at_exit = type.new(events.raw)
      events << (@alive_at_exit.free rescue $!.message) << [@alive_at_exit.free, @alive_at_exit.freed?]
    end
    expect(log).to eq [:entered, "busy", [nil, true]]
  end

  it "is never released on NULL" do
    log = in_child do |events|
      type = point { define_method(:free) { events << :own_free } }
      @alive_at_exit = [point.new(FFI::Pointer::NULL), point.new(FFI::Pointer::NULL), type.new(FFI::Pointer::NULL)]
      events << @alive_at_exit[1].free << @alive_at_exit[2].free
    end
    expect(log).to eq [nil, nil]
  end

  it "can be detached through its pointer" do
    log = in_child do |events|
      raw = events.raw
      @alive_at_exit = point.new(raw)
      @alive_at_exit[:x] = 42
      events << @alive_at_exit.pointer.detach.equal?(raw)
      events << [@alive_at_exit.free, @alive_at_exit.freed?, @alive_at_exit[:x]]
    end
    expect(log).to eq [true, [nil, false, 42]]
  end

  describe "with a free of its own" do
    bodies = {
      "that destroys itself" => "Oracle.free(self)",
      "that destroys its pointer" => "Oracle.free(pointer)",
      "that calls super" => "super",
      "that calls its pointer's free" => "pointer.free",
      "that calls the class's release with itself" => "self.class.release(self)",
      "that calls the class's release with its pointer" => "self.class.release(pointer)",
      "that does all of it" => "super; pointer.free; super; self.class.release(self)"
    }

    bodies.each do |what, body|
      it "#{what} is released once: freed twice, at GC, at exit" do
        log = in_child do |events|
          type = point { class_eval("def free(*)\n#{body.sub("super;", "super();")}\nend", __FILE__, __LINE__) }
          out_of_reach { 2.times.with_object(type.new(events.raw(:dropped))) { |_, struct| struct.free } }
          out_of_reach { type.new(events.raw(:collected)) }
          full_gc
          events << :collected
          @alive_at_exit = [type.new(events.raw(:freed)), type.new(events.raw(:kept))]
          @alive_at_exit.first.free
          events << [@alive_at_exit.first.free, @alive_at_exit.first.freed?]
        end
        expect(log).to eq [
          [:released, :dropped], [:released, :collected], :collected, [:released, :freed], [nil, true], [:released, :kept]
        ]
      end
    end

    it "can read its fields in it" do
      log = in_child do |events|
        type = point do
          define_method(:free) do
            events << self[:x]
            super()
            events << (self[:x] rescue $!.class)
          end
        end
        struct = type.new(events.raw)
        struct[:x] = 42
        struct.free
      end
      expect(log).to eq [42, :released, FFI::NullPointerError]
    end

    it "returns its own value at the first call, and nil afterwards" do
      log = in_child do |events|
        type = point { def free(mode, force: false) = Oracle.free(self) || [mode, force] }
        struct = type.new(events.raw)
        events << [(struct.free rescue $!.class), struct.freed?] << [struct.free(:now, force: true), struct.free(:now)]
      end
      expect(log).to eq [[ArgumentError, false], :released, [[:now, true], nil]]
    end

    it "has it left alone by a release through its pointer" do
      log = in_child do |events|
        type = point { define_method(:free) { events << :own_free } }
        struct = type.new(events.raw)
        struct.pointer.free
        events << struct.free
      end
      expect(log).to eq [:released, nil]
    end
  end

  it "is released once by the class's release called by hand" do
    log = in_child do |events|
      @alive_at_exit = type = point.new(events.raw)
      events << Array.new(2) { type.class.release(type) }.size << [type.free, type.freed?, type.null?]
    end
    expect(log).to eq [:released, 2, [nil, true, true]]
  end

  it "is released once by the class's release called by hand with its pointer" do
    log = in_child do |events|
      @alive_at_exit = point.new(events.raw)
      @alive_at_exit.class.release(@alive_at_exit.pointer)
      events << [@alive_at_exit.free, @alive_at_exit.freed?]
    end
    expect(log).to eq [:released, [nil, true]]
  end

  it "takes other names for free" do
    log = in_child do |events|
      type = point do
        frees_with :close

        def close = Oracle.free(self)
      end
      @alive_at_exit = type.new(events.raw)
      @alive_at_exit.close
      events << [@alive_at_exit.close, @alive_at_exit.free, @alive_at_exit.freed?]
    end
    expect(log).to eq [:released, [nil, nil, true]]
  end
end
