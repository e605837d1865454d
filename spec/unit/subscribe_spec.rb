# frozen_string_literal: true

require_relative "../support/native_handle"

RSpec.describe SafePointer, ".subscribe" do
  # Nothing of other examples is found dead meanwhile.
  around do |example|
    full_gc
    GC.disable
    example.run
  ensure
    GC.enable
  end

  # The events of the block, each as an Array.
  def events
    log = []
    subscription = SafePointer.subscribe { |event| log << event.to_h.values }
    yield log
    log
  ensure
    subscription.unsubscribe
  end

  {
    Handle => ->(raw) { Handle.new(raw) },
    NativeHandle => ->(raw) { NativeHandle.new(raw) },
    SafePointer => ->(raw) { SafePointer.new(raw, Oracle.method(:free)) },
    FFI::Pointer => ->(raw) { SafePointer::Releaser.new(raw, Oracle.method(:free)) }
  }.each do |type, make|
    it "tells of a pointer that is made and freed: #{type}" do
      raw = Oracle.create
      log = events { 2.times { (@owner ||= make.call(raw)).free } }
      expect(log).to eq [[:created, type, raw.address, nil, 0], [:released, type, raw.address, :free, 0]]
    end
  end

  [Handle, NativeHandle].each do |type|
    it "tells of one that is given away: #{type}" do
      raw = Oracle.create
      log = events { Oracle.free(type.new(raw).detach) }
      expect(log).to eq [[:created, type, raw.address, nil, 0], [:detached, type, raw.address, nil, 0]]
    end
  end

  it "tells of a release that raised, after it, and the error goes to the caller" do
    pointer = SafePointer.new(FFI::Pointer.new(64), ->(_) { raise IOError })
    log = events { |told| expect { pointer.free }.to raise_error(IOError).and(change { told.size }.by(1)) }
    expect(log).to eq [[:failed, SafePointer, 64, :free, 0]]
  end

  it "tells of a family as it is released, with the native size" do
    pool = Handle.new(Oracle.create, size: 100)
    buffer = Handle.new(FFI::Pointer.new(64), parent: pool, freed_by_parent: true)
    child = Handle.new(Oracle.create, parent: pool)
    addresses = [child, buffer, pool].map(&:address)
    log = events { [pool, child].each(&:free) }
    expect(log).to match_array [
      [:released, Handle, addresses[0], :free, 0],
      [:released, Handle, addresses[1], :parent, 0],
      [:released, Handle, addresses[2], :free, 100]
    ]
    expect(buffer).to be_freed
  end

  it "says nothing of NULL, nor of a pointer that was not made" do
    log = events do
      Handle.new(FFI::Pointer::NULL).free
      expect { SafePointer.new(FFI::Pointer.new(64)) }.to raise_error(RuntimeError)
    end
    expect(log).to be_empty
  end

  it "tells when it has happened: the pointer is freed by then" do
    pointer = Handle.new(Oracle.create)
    seen = []
    subscription = SafePointer.subscribe { seen << pointer.freed? << pointer.null? }
    pointer.free
    expect(seen).to eq [true, true]
  ensure
    subscription.unsubscribe
  end

  it "tells every subscriber, on the thread where it happens" do
    log = []
    subscriptions = Array.new(2) { |i| SafePointer.subscribe { |event| log << [i, event.name, Thread.current] } }
    thread = Thread.new { Handle.new(Oracle.create).free }.join
    expect(log).to eq([[0, :created], [1, :created], [0, :released], [1, :released]].map { |told| [*told, thread] })
  ensure
    subscriptions.each(&:unsubscribe)
  end

  it "tells no more after unsubscribe, which may be called twice" do
    log = []
    subscription = SafePointer.subscribe { |event| log << event.name }
    pointer = NativeHandle.new(Oracle.create)
    2.times { expect(subscription.unsubscribe).to be_nil }
    pointer.free
    expect(log).to eq [:created]
  end

  {
    "itself" => ->(work) { work.call },
    "in a fiber" => ->(work) { Fiber.new(&work).resume },
    "in a fiber that it wakes with an error" => lambda { |work|
      fiber = Fiber.new { Fiber.yield rescue work.call }
      fiber.resume
      fiber.raise("wake")
    },
    "in an enumerator" => ->(work) { Enumerator.new { |results| results << work.call }.next },
    "in a fiber of an enumerator" => ->(work) { Enumerator.new { |out| out << Fiber.new(&work).resume }.peek }
  }.each do |where, run|
    it "tells nothing of what a subscriber does with pointers #{where}" do
      log = []
      subscription = SafePointer.subscribe do |event|
        log << event.name
        next if log.size > 2

        run.call(-> { Handle.new(Oracle.create).free or Oracle.free(NativeHandle.new(Oracle.create).detach) })
      end
      Handle.new(Oracle.create).free
      expect(log).to eq %i[created released]
    ensure
      subscription.unsubscribe
    end
  end

  {
    Handle => ->(raw) { Handle.new(raw) },
    NativeHandle => ->(raw) { NativeHandle.new(raw) },
    SafePointer::Releaser => ->(raw) { SafePointer::Releaser.attach(Object.new, raw, Oracle.method(:free)) }
  }.each do |type, make|
    it "tells nothing of what becomes of a pointer that a subscriber has made: #{type}" do
      made = []
      log = events do |told|
        subscription = SafePointer.subscribe { made << make.call(Oracle.create) }
        pointer = Handle.new(Oracle.create)
        subscription.unsubscribe
        made.each(&:free)
        told << [made.size]
        pointer.free
      end
      expect(log.map(&:first)).to eq [:created, 1, :released]
    end
  end

  it "tells what the other fibers of a thread do while one is suspended in a subscriber" do
    log = []
    raw = Oracle.create
    subscription = SafePointer.subscribe do |event|
      log << event.name
      if event.address == raw.address
        Fiber.yield
        Handle.new(Oracle.create).free
      end
    end
    fiber = Fiber.new { Handle.new(raw).free }
    fiber.resume
    Handle.new(Oracle.create).free
    log << :resumed
    2.times { fiber.resume }
    expect(log).to eq %i[created created released resumed released]
  ensure
    subscription.unsubscribe
  end

  it "hands over events that are frozen and can be matched" do
    found = nil
    subscription = SafePointer.subscribe { |event| found = event }
    Handle.new(Oracle.create).free
    expect(found).to be_frozen
    case found
    in {name: :released, pointer_class:, trigger: :free} then expect(pointer_class).to be Handle
    end
  ensure
    subscription.unsubscribe
  end

  [IOError, NotImplementedError, NoMemoryError].each do |error|
    it "warns once of a subscriber that raises #{error}, and releases and tells others" do
      log = []
      faulty = SafePointer.subscribe { raise error, "disk full" }
      other = SafePointer.subscribe { |event| log << event.name }
      warning = "safe_pointer: a subscriber raised #{error}: disk full, and is told of more\n"
      expect { 2.times { Handle.new(Oracle.create).free } }.to output(warning).to_stderr
      expect(log).to eq %i[created released created released]
    ensure
      [faulty, other].each(&:unsubscribe)
    end
  end

  it "disturbs nothing where the warning of an error cannot be given" do
    subscription = SafePointer.subscribe { raise IOError }
    stderr, $stderr = $stderr, StringIO.new.tap(&:close)
    pointer = Handle.new(Oracle.create)
    expect(pointer.free).to be_nil
  ensure
    $stderr = stderr
    subscription.unsubscribe
  end

  it "lets what is no error go on its way when the release is over" do
    parent = Handle.new(Oracle.create)
    child = Handle.new(Oracle.create, parent: parent)
    parent.free
    subscription = SafePointer.subscribe { throw :out }
    catch(:out) { child.free }
    expect([child, parent]).to all(be_freed.and(be_null))
  ensure
    subscription.unsubscribe
  end

  it "has nobody own a pointer whose constructor a subscriber has left" do
    [Handle, NativeHandle].each do |type|
      raw = Oracle.create
      subscription = SafePointer.subscribe { throw :out }
      before = SafePointer.stats[:live]
      catch(:out) { type.new(raw) }
      expect(SafePointer.stats[:live]).to be before
      Oracle.free(raw)
    ensure
      subscription.unsubscribe
    end
  end

  it "has no parent wait for a pointer whose constructor a subscriber has left" do
    parent = Handle.new(Oracle.create)
    raw = Oracle.create
    subscription = SafePointer.subscribe { throw :out }
    pointer = Handle.allocate
    catch(:out) { pointer.send(:initialize, raw, parent: parent) }
    subscription.unsubscribe
    parent.free
    expect([parent.freed?, pointer.freed?]).to eq [true, false]
    Oracle.free(raw)
  end

  it "wants a block" do
    expect { SafePointer.subscribe }.to raise_error(ArgumentError, "SafePointer.subscribe: needs a block")
  end
end
