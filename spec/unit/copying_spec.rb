# frozen_string_literal: true

RSpec.describe "copying a SafePointer" do
  copies = {
    "dup" => ->(pointer) { pointer.dup },
    "clone" => ->(pointer) { pointer.clone },
    "clone(freeze: true)" => ->(pointer) { pointer.clone(freeze: true) },
    "clone(freeze: false)" => ->(pointer) { pointer.clone(freeze: false) }
  }

  copies.each do |how, copy|
    it "is refused by #{how}" do
      pointer = SafePointer.new(Oracle.create, Oracle.method(:free))
      expect { copy.call(pointer) }.to raise_error(RuntimeError, "cannot duplicate SafePointer")
    end

    it "is refused by #{how}, of a subclass as well" do
      expect { copy.call(Handle.new(Oracle.create)) }.to raise_error(RuntimeError, /\Acannot duplicate /)
    end

    it "is refused by #{how}, after free as well" do
      pointer = Handle.new(Oracle.create).tap(&:free)
      expect { copy.call(pointer) }.to raise_error(RuntimeError, /\Acannot duplicate /)
    end

    it "is refused by #{how} of a frozen pointer" do
      expect { copy.call(Handle.new(Oracle.create).freeze) }.to raise_error(RuntimeError, /\Acannot duplicate /)
    end

    it "is refused by #{how} even if the subclass has an initialize_copy" do
      type = Class.new(Handle) { def initialize_copy(_) = nil }
      expect { copy.call(type.new(Oracle.create)) }.to raise_error(RuntimeError, /\Acannot duplicate /)
    end

    it "leaves one release after a refused #{how}" do
      log = in_child do |events|
        out_of_reach { (copy.call(Handle.new(events.raw)) rescue nil) }
        full_gc
        events << :collected

        @alive_at_exit = Handle.new(events.raw)
        (copy.call(@alive_at_exit) rescue events << :refused)
      end
      expect(log).to eq [:released, :collected, :refused, :released]
    end
  end

  %i[dup clone].each do |name|
    it "is refused by Object's #{name}, bound to the pointer, and the copy has no finalizer" do
      log = in_child do |events|
        copy = Object.instance_method(name)
        out_of_reach do
          pointer = Handle.new(events.raw)
          ObjectSpace.define_finalizer(pointer, ->(_) { events << :finalized })
          (copy.bind_call(pointer) rescue events << $!.message)
        end
        full_gc
        events << :collected
      end
      expect(log.first).to eq "cannot duplicate SafePointer"
      expect(log.drop(1)).to contain_exactly(:finalized, :released, :collected)
    end
  end

  it "is refused by Marshal.dump" do
    expect { Marshal.dump(Handle.new(Oracle.create)) }.to raise_error(TypeError)
    expect { Marshal.dump([Handle.new(Oracle.create).tap(&:free)]) }.to raise_error(TypeError)
  end

  it "is up to the owner of a pointer, who can build another" do
    log = in_child do |events|
      owner = Class.new do
        attr_reader :handle

        define_method(:initialize) { @handle = Handle.new(events.raw(:first)) }
        define_method(:initialize_copy) { |_| @handle = Handle.new(events.raw(:second)) }
      end
      first = owner.new
      second = first.dup
      first.handle.free
      events << second.handle.freed?
    end
    expect(log).to eq [[:released, :first], false, [:released, :second]]
  end

  describe "of its class" do
    classes = {
      "a subclass" => Handle, "SafePointer" => SafePointer, "a ManagedStruct" => SafePointer::ManagedStruct,
      "a class with a free of its own" => Class.new(Handle) { def free = super }
    }

    classes.each do |what, type|
      copies.each do |how, copy|
        it "is refused by #{how}, with what to do instead: #{what}" do
          expect { copy.call(type) }.to raise_error(
            TypeError, "#{type}.#{how[/\w+/]}: a pointer class has no copies; inherit from it instead"
          )
        end
      end
    end

    it "is refused of a subclass that exists when AutoPointer is replaced" do
      log = in_child do |events|
        type = Class.new(FFI::AutoPointer)
        require "safe_pointer/auto_pointer"
        [type, FFI::AutoPointer].each { |klass| (klass.clone rescue events << $!.class) }
      end
      expect(log).to eq [TypeError, TypeError]
    end
  end
end
