# frozen_string_literal: true

require_relative "../support/native_handle"

RSpec.describe SafePointer, ".trace" do
  around do |example|
    SafePointer.trace = true
    example.run
  ensure
    SafePointer.trace = false
  end

  def entry(address) = SafePointer.live.find { |live| live.address == address }

  def here = caller_locations(1, 1).first.then { |location| "#{location.path}:#{location.lineno}:" }

  struct_type = Class.new(SafePointer::ManagedStruct) do
    layout :x, :int
    def self.release(raw) = Oracle.free(raw)
  end
  returning = Module.new do
    extend FFI::Library
    ffi_lib Oracle.build
    attach_function :new_block, :oracle_new, %i[size_t string], Handle
  end
  owned = Object.new
  makers = {
    "a class with release" => ->(raw) { Handle.new(raw) },
    "a callable" => ->(raw) { SafePointer.new(raw, Oracle.method(:free)) },
    "a C function" => ->(raw) { NativeHandle.new(raw) },
    "a C function, in use" => ->(raw) { NativeHandle.new(raw).tap { |pointer| pointer.use {} } },
    "a struct" => ->(raw) { struct_type.new(raw) },
    "open" => ->(raw) { Handle.open(raw) },
    "a releaser" => ->(raw) { SafePointer::Releaser.new(raw, Oracle.method(:free)) },
    "an owner" => ->(raw) { SafePointer::Releaser.attach(owned, raw, Oracle.method(:free)) }
  }

  makers.each do |what, make|
    it "remembers where a pointer was made: #{what}" do
      raw = Oracle.create
      owner = make.call(raw)
      expect(entry(raw.address).site).to start_with("#{make.source_location.join(":")}:in ")
      owner.free
      expect(entry(raw.address)).to be_nil
    end
  end

  it "remembers where a function was called that returned a pointer" do
    handle, place = returning.new_block(16, nil), here
    expect(entry(handle.address).site).to start_with(place)
    handle.free
  end

  it "keeps the backtrace from there on, as text" do
    raw = Oracle.create
    pointer = Handle.new(raw)
    backtrace = entry(raw.address).made_at
    expect(backtrace).to be_frozen.and(all(be_a(String)))
    expect(backtrace.size).to be_between(2, 20)
    expect(backtrace).not_to include(include("lib/safe_pointer"))
    pointer.free
  end

  it "keeps each name once, however many pointers were made there" do
    backtrace = SafePointer::Diagnostics.const_get(:Backtrace)
    names = Array.new(2) { backtrace.frames.grep(String).map(&:object_id) }
    expect(names.first.size).to be > 10
    expect(names.first).to eq names.last
  end

  describe "the text" do
    one_of_its_own = Object.new
    def one_of_its_own.call = yield
    ways = {
      "a method and blocks in it" => ->(make) { [1].each { [2].map { make.call } } },
      "a method of one object" => ->(make) { one_of_its_own.call { make.call } },
      "code from a String" => ->(make) { binding.eval("make.call", "a: b.rb", 7) },
      "code from a String, line 0" => ->(make) { binding.eval("make.call", "a.rb", 0) },
      "a path in no encoding" => ->(make) { binding.eval("make.call", "gr\xF6\xDFe.rb", 7) },
      "a rescue and an ensure" => lambda do |make|
        raise IOError
      rescue IOError
        begin
          nil
        ensure
          make.call
        end
      end,
      "a name in another encoding than the path" => lambda do |make|
        way = Object.new
        code = "def gr\xF6\xDFe(make) = make.call".dup.force_encoding(Encoding::ISO_8859_1)
        way.public_send(way.instance_eval(code, "größe.rb", 1), make)
      end
    }

    ways.each do |what, way|
      it "is that which Ruby has: #{what}" do
        pointer = calls = nil
        way.call(-> { pointer, calls = Handle.new(Oracle.create), caller(0, 20) })
        made_at = entry(pointer.address).made_at
        expect(made_at.size).to be > 10
        expect(made_at.map(&:b)).to eq calls.first(made_at.size).map(&:b)
        pointer.free
      end
    end

    it "is that which Ruby has: a thread that begins in C" do
      pointer = Thread.new(Oracle.create, &Handle.method(:new)).value
      expect(entry(pointer.address).made_at).to match [/\A#{Regexp.escape($PROGRAM_NAME)}:in .*new'\z/]
      pointer.free
    end
  end

  describe "paths in any encoding" do
    def made_at(path, type, address) = binding.eval("type.new(FFI::Pointer.new(address))", path, 7)

    latin1, unknown = "gr\xF6\xDFe.rb".dup.force_encoding(Encoding::ISO_8859_1), "gr\xF6\xDFe.rb"
    type = Class.new(SafePointer) { def self.release(_) = nil }
    failing = Class.new(SafePointer) { def self.release(_) = raise(IOError) }

    it "are in one report, and in what stands for each pointer" do
      pointers = ["größe.rb", latin1, unknown, "größe.rb".encode("UTF-16LE")].map { |path| made_at(path, type, 64) }
      io = StringIO.new
      SafePointer.report(io)
      expect(io.string).to include(" größe.rb:7:in").twice.and include(" gr\uFFFD\uFFFDe.rb:7:in")
      expect(SafePointer.live.map(&:inspect)).to include(/ größe.rb:7:in/, / gr\uFFFD\uFFFDe.rb:7:in/)
      pointers.each(&:free)
    end

    it "are in the warning of a second owner" do
      SafePointer.warnings[:second_owner] = true
      pointers = [made_at("größe.rb", type, 64)]
      expect { pointers << made_at(latin1, type, 64) }.to output(/\Agröße.rb:7: .* made at größe.rb:7:in/).to_stderr
      pointers.each(&:free)
    ensure
      SafePointer.warnings[:second_owner] = false
    end

    it "are in the warning of an error that nobody called for" do
      pointer = made_at(unknown, failing, 64)
      expect { pointer.use { pointer.free } }.to output(/, made at gr\uFFFD\uFFFDe.rb:7:in .* raised IOError/).to_stderr
    end
  end

  it "remembers nothing of pointers that are made while it is off" do
    raw = Oracle.create
    SafePointer.trace = false
    pointer = Handle.new(raw)
    SafePointer.trace = true
    expect(entry(raw.address)).to have_attributes(made_at: nil, age: nil, site: nil, pointer_class: Handle)
    pointer.free
  end

  it "can be asked for" do
    expect(SafePointer).to have_attributes(trace: true, trace?: true)
    SafePointer.trace = nil
    expect(SafePointer).to have_attributes(trace: false, trace?: false)
  end

  it "is told with an error that nobody called for" do
    log = []
    SafePointer.on_release_error { |_, info| log << info }
    pointer, place = SafePointer.new(FFI::Pointer.new(64), ->(_) { raise IOError }), here
    pointer.use { pointer.free }
    expect(log).to match [a_hash_including(class: SafePointer, trigger: :lease, made_at: start_with(start_with(place)))]
  ensure
    SafePointer.on_release_error
  end

  it "is in the warning of one" do
    pointer, place = SafePointer.new(FFI::Pointer.new(64), ->(_) { raise IOError }), here
    warning = /address=0x0+40, made at #{Regexp.escape(place)}.*, by a block at \S+ after its last lease raised/
    expect { pointer.use { pointer.free } }.to output(warning).to_stderr
  end

  describe "live" do
    it "says the age in GCs" do
      raw = Oracle.create
      pointer = Handle.new(raw)
      before = entry(raw.address).age
      3.times { GC.start }
      expect(entry(raw.address).age - before).to be >= 3
      pointer.free
    end

    it "says class, size and parent" do
      parent = Handle.new(Oracle.create, size: 100)
      child = NativeHandle.new(Oracle.create, parent: parent, size: 20)
      expect(entry(child.address)).to have_attributes(
        pointer_class: NativeHandle, size: 20, parent: have_attributes(address: parent.address, size: 100, parent: nil)
      )
      [parent, child].each(&:free)
    end

    it "is frozen, and says in words what it is" do
      pointer, place = Handle.new(Oracle.create), here
      found = entry(pointer.address)
      expect(found).to be_frozen
      expect(found.inspect).to match(/\A#<Handle address=#{Address::ANY} alive, made at #{Regexp.escape(place)}in .*>\z/)
      expect(found.to_s).to eq found.inspect
      pointer.free
    end

    {
      "freed" => ->(pointer) { pointer.free },
      "detached" => ->(pointer) { Oracle.free(pointer.detach) }
    }.each do |what, finish|
      [Handle, NativeHandle].each do |type|
        it "has no #{type} that is #{what}" do
          pointer = type.new(Oracle.create)
          address = pointer.address
          expect(entry(address)).not_to be_nil
          finish.call(pointer)
          expect(entry(address)).to be_nil
        end
      end
    end

    it "has one that waits for its children" do
      parent = Handle.new(Oracle.create)
      address = parent.address
      child = Handle.new(Oracle.create, parent: parent)
      parent.free
      expect(entry(address)).not_to be_nil
      child.free
      expect(entry(address)).to be_nil
    end

    it "has none that its parent's release has destroyed" do
      pool = Handle.new(Oracle.create)
      raw = Oracle.create
      buffer = Handle.new(raw, parent: pool, freed_by_parent: true)
      pool.free
      expect(entry(raw.address)).to be_nil
      expect(buffer).to be_freed
      Oracle.free(raw)
    end

    it "has neither NULL nor what is being released" do
      log = []
      null = Handle.new(FFI::Pointer::NULL)
      pointer = SafePointer.new(Oracle.create) { |raw| log << entry(raw.address) << Oracle.free(raw) }
      pointer.free
      expect(log).to eq [nil, nil]
      expect(SafePointer.live.map(&:address)).not_to include 0
      null.free
    end

    it "leaves pointers that a C function releases as they are" do
      pointer = NativeHandle.new(Oracle.create)
      releasers = -> { ObjectSpace.each_object(SafePointer::Releaser).count }
      GC.start
      before = releasers.call
      SafePointer.live
      expect(releasers.call).to be <= before
      pointer.free
    end
  end

  describe "kept_by" do
    def kept_by(pointer)
      SafePointer.live.find { |live| live.address == pointer.address }.kept_by.tap { pointer.free }
    end

    def made_by_a_proc(raw)
      pointer = SafePointer.new(raw, proc { |held| Oracle.free(held) })
      pointer
    end

    def made_by_one_from_elsewhere(raw, callable)
      pointer = SafePointer.new(raw, callable)
      pointer
    end

    holder = Class.new do
      attr_reader :pointer

      def initialize(raw, callable = nil)
        @pointer = SafePointer.new(raw, callable) { |held| Oracle.free(held) }
      end
    end

    it "names the variable by which a block refers to its pointer" do
      expect(kept_by(made_by_a_proc(Oracle.create))).to eq "the local variable pointer"
    end

    it "names the instance variable of the object that a block belongs to" do
      expect(kept_by(holder.new(Oracle.create).pointer)).to eq "@pointer of its self"
    end

    it "is nil where the callable is from elsewhere" do
      expect(kept_by(made_by_one_from_elsewhere(Oracle.create, Oracle.method(:free)))).to be_nil
      in_c = :itself.to_proc >> ->(held) { Oracle.free(held) }
      expect(kept_by(made_by_one_from_elsewhere(Oracle.create, in_c))).to be_nil
      expect(kept_by(holder.new(Oracle.create, Oracle.method(:free)).pointer)).to be_nil
      expect(kept_by(Handle.new(Oracle.create))).to be_nil
    end
  end
end
