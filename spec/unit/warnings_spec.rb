# frozen_string_literal: true

require_relative "../support/native_handle"

RSpec.describe SafePointer, ".warnings" do
  around do |example|
    before = SafePointer.warnings.to_h
    example.run
  ensure
    before.each { |category, on| SafePointer.warnings[category] = on }
  end

  def silent = output("").to_stderr

  def warning(line, text) = output(/\A#{Regexp.escape(__FILE__)}:#{line}: warning: safe_pointer: #{text}\n\z/).to_stderr

  it "are off, but for callables that capture their own pointer" do
    expect(SafePointer.warnings.to_h).to eq(second_owner: false, freed_by_gc: false, self_capture: true)
  end

  it "are switched one by one" do
    SafePointer.warnings[:freed_by_gc] = 1
    expect(SafePointer.warnings.to_h).to eq(second_owner: false, freed_by_gc: true, self_capture: true)
    SafePointer.warnings[:freed_by_gc] = nil
    expect(SafePointer.warnings[:freed_by_gc]).to be false
  end

  it "refuse others, with the names there are" do
    message = "unknown warning: :third_owner, there are second_owner, freed_by_gc, self_capture"
    expect { SafePointer.warnings[:third_owner] }.to raise_error(ArgumentError, message)
    expect { SafePointer.warnings[:third_owner] = true }.to raise_error(ArgumentError, message)
    expect { SafePointer.warnings[:trace] }.to raise_error(ArgumentError)
  end

  describe "of a second owner" do
    let(:raw) { Oracle.create.tap { |raw| Oracle.reference(raw) } }

    [Handle, NativeHandle].each do |type|
      it "name the class, the address and the first owner: #{type}" do
        SafePointer.warnings[:second_owner] = true
        first = type.new(raw)
        second = nil
        text = "Handle address=#{Address.print(raw.address)} is owned already, by #{type}"
        expect { second = Handle.new(raw) }.to warning(__LINE__, text)
        [first, second].each(&:free)
      end

      # An address here has more digits than are asked for, so it has no zeros in front.
      it "give an address as many digits as pointers have: #{type}" do
        allow(FFI::Pointer).to receive(:size).and_return(2)
        SafePointer.warnings[:second_owner] = true
        first = type.new(raw)
        second = nil
        text = "Handle address=0x#{raw.address.to_s(16)} is owned already, by #{type}"
        expect { second = Handle.new(raw) }.to warning(__LINE__, text)
        [first, second].each(&:free)
      end

      it "name where the first owner was made, if that is traced: #{type}" do
        SafePointer.trace = SafePointer.warnings[:second_owner] = true
        first = type.new(raw)
        second = nil
        text = ".* by #{type} made at #{__FILE__}:#{__LINE__ - 2}:in .*"
        expect { second = type.new(raw) }.to warning(__LINE__, text)
        [first, second].each(&:free)
      ensure
        SafePointer.trace = false
      end

      it "know the owners from before they were on: #{type}" do
        first = type.new(raw)
        SafePointer.warnings[:second_owner] = true
        second = nil
        expect { second = SafePointer.new(raw, Oracle.method(:free)) }.to warning(__LINE__, ".* by #{type}")
        [first, second].each(&:free)
      end

      {
        "freed" => ->(pointer) { pointer.free },
        "given away" => ->(pointer) { Oracle.free(pointer.detach) }
      }.each do |what, finish|
        it "are not given where the first is #{what}: #{type}" do
          SafePointer.warnings[:second_owner] = true
          finish.call(type.new(raw))
          second = nil
          expect { second = type.new(raw) }.to silent
          second.free
        end
      end
    end

    [Handle, NativeHandle].each do |type|
      # Whoever freed the memory, malloc hands it out again.
      it "are not given where the first has autorelease off: C may have freed its memory: #{type}" do
        SafePointer.warnings[:second_owner] = true
        first = type.new(raw).tap { |pointer| pointer.autorelease = false }
        second = nil
        expect { second = type.new(raw) }.to silent
        [first, second].each(&:free)
      end

      it "are given where autorelease is on again: #{type}" do
        SafePointer.warnings[:second_owner] = true
        first = type.new(raw).tap { |pointer| [false, true].each { |on| pointer.autorelease = on } }
        second = nil
        expect { second = type.new(raw) }.to warning(__LINE__, ".* is owned already, by #{type}")
        [first, second].each(&:free)
      end

      it "name the others of several where one has autorelease off: #{type}" do
        Oracle.reference(raw)
        first = type.new(raw).tap { |pointer| pointer.autorelease = false }
        SafePointer.warnings[:second_owner] = true
        second = SafePointer.new(raw, Oracle.method(:free))
        third = nil
        expect { third = type.new(raw) }.to warning(__LINE__, ".* is owned already, by SafePointer")
        [first, second, third].each(&:free)
      end

      it "know again what was detached with autorelease off: #{type}" do
        SafePointer.warnings[:second_owner] = true
        type.new(raw).tap { |pointer| pointer.autorelease = false }.detach
        first = type.new(raw)
        second = nil
        expect { second = type.new(raw) }.to warning(__LINE__, ".* is owned already, by #{type}")
        [first, second].each(&:free)
      end
    end

    it "are given for releasers, too" do
      SafePointer.warnings[:second_owner] = true
      first = SafePointer::Releaser.new(raw, Oracle.method(:free))
      second = nil
      text = ".* by FFI::Pointer"
      expect { second = SafePointer::Releaser.new(raw, Oracle.method(:free)) }.to warning(__LINE__, text)
      [first, second].each(&:free)
    end

    it "are not given where the first is just being released" do
      SafePointer.warnings[:second_owner] = true
      second = nil
      first = SafePointer.new(raw) do |held|
        Oracle.free(held)
        second = Handle.new(held)
      end
      expect { first.free }.to silent
      second.free
    end

    it "are not given for NULL, nor while they are off" do
      SafePointer.warnings[:second_owner] = true
      expect { 2.times { Handle.new(FFI::Pointer::NULL) } }.to silent
      SafePointer.warnings[:second_owner] = false
      expect { 2.times { Handle.new(raw).free } }.to silent
    end
  end

  describe "of a callable that captures its own pointer" do
    def release_trapped(pointer) = expect { pointer.free }.to change { pointer.freed? }.to(true)

    it "name class and place where the block belongs to the pointer, once" do
      type = Class.new(SafePointer) do
        def initialize(raw)
          super(raw) { |held| Oracle.free(held) }
        end

        def self.to_s = "Trap"
      end
      pointers = []
      text = "GC will never release this Trap: it is self in its release callable, which keeps it alive"
      expect { 2.times { pointers << type.new(Oracle.create) } }.to warning(__LINE__ - 7, text)
      pointers.each { |pointer| release_trapped(pointer) }
    end

    it "name them where the callable is a method of the pointer" do
      type = Class.new(SafePointer) do
        def initialize(raw)
          super(raw, method(:destroy))
        end

        def destroy(held) = Oracle.free(held)
      end
      pointer = nil
      expect { pointer = type.new(Oracle.create) }.to warning(__LINE__ - 6, "GC will never release this .*")
      release_trapped(pointer)
    end

    it "are given for the owner of a releaser, too" do
      type = Class.new do
        attr_reader :releaser

        def initialize(raw)
          @releaser = SafePointer::Releaser.attach(self, raw) { |held| Oracle.free(held) }
        end
      end
      owners = []
      expect { 2.times { owners << type.new(Oracle.create) } }.to warning(__LINE__ - 4, "GC will never release this .*")
      owners.each { |owner| owner.releaser.free }
    end

    it "are given each time while tracing" do
      SafePointer.trace = true
      type = Class.new(SafePointer) { def initialize(raw) = super(raw) { |held| Oracle.free(held) } }
      pointers = []
      expect { 3.times { pointers << type.new(Oracle.create) } }.to output(/(GC will never release.*){3}/m).to_stderr
      pointers.each(&:free)
    ensure
      SafePointer.trace = false
    end

    {
      "a class with release, whose block is not it" => lambda {
        Class.new(Handle) { def initialize(raw) = super(raw) { |_| nil } }.new(Oracle.create)
      },
      "a block of the caller's" => -> { Class.new(SafePointer).new(Oracle.create) { |raw| Oracle.free(raw) } },
      "a method of another object's" => -> { Class.new(SafePointer).new(Oracle.create, Oracle.method(:free)) },
      "an attached function" => lambda {
        Class.new(SafePointer).new(Oracle.create, FFI::Function.new(:void, [:pointer]) { |raw| Oracle.free(raw) })
      },
      "a block made in C" => -> { Class.new(SafePointer).new(Oracle.create, &Oracle.method(:free)) },
      "an object that answers call" => lambda {
        Class.new(SafePointer).new(Oracle.create, Class.new { def call(raw) = Oracle.free(raw) }.new)
      }
    }.each do |what, make|
      it "are not given for #{what}" do
        expect { make.call.free }.to silent
      end
    end

    it "can be turned off" do
      SafePointer.warnings[:self_capture] = false
      type = Class.new(SafePointer) { def initialize(raw) = super(raw) { |held| Oracle.free(held) } }
      expect { type.new(Oracle.create).free }.to silent
    end
  end
end
