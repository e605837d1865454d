# frozen_string_literal: true

require_relative "parity"

# The table in docs/guarantees.md: where SafePointer differs from FFI::AutoPointer on purpose, and how each behaves.
# Callables that log take the place of a destructor where stock ffi calls it twice.
Parity.describe "differs:" do
  it "a free of the subclass's own is the release, where ffi releases again at GC and exit" do
    log = log_of do |events, base|
      type = Class.new(base) { define_method(:free) { events << :own_free } }
      callable = ->(_) { events << :callable }
      out_of_reach { type.new(events.raw, callable).free }
      full_gc
      events << :collected
      @kept = type.new(events.raw, callable)
      @kept.free
      events << :returned
    end
    expect(log).to eq differing(stock: [:own_free, :callable, :collected, :own_free, :returned, :callable],
                                safe: [:own_free, :collected, :own_free, :returned])
  end

  it "a free of the subclass's own runs once, where ffi runs it at each call" do
    log = log_of do |events, base|
      type = Class.new(base) do
        define_method(:free) do
          events << :own_free
          :freed
        end
      end
      pointer = type.new(events.raw, ->(_) {})
      2.times { events << pointer.free }
    end
    expect(log).to eq differing(stock: [:own_free, :freed, :own_free, :freed], safe: [:own_free, :freed, nil])
  end

  it "a release that raises is not called again, where ffi calls it at free, GC and exit" do
    log = log_of do |events, base|
      $VERBOSE = nil # Ruby warns of an error in a finalizer.
      release = ->(_) { events << :entered and raise(IOError, "busy") }
      out_of_reach do
        pointer = base.new(events.raw, release)
        2.times { error { pointer.free } }
      end
      full_gc
      events << :collected
      @kept = base.new(events.raw, release)
      events << (error { @kept.free })
    end
    expect(log).to eq differing(
      stock: [:entered, :entered, :entered, :collected, :entered, [IOError, "busy"], :entered],
      safe: [:entered, :collected, :entered, [IOError, "busy"]]
    )
  end

  it "free on several threads releases once, where ffi may release once per thread" do
    log = log_of do |events, base|
      inside = Queue.new
      outside = Queue.new
      # Waits for the other thread: until it is in the release as well, or has left free.
      pointer = base.new(events.raw, lambda { |_|
        inside << true
        wait_until { inside.size == 2 || outside.size == 1 }
      })
      Array.new(2) { Thread.new { pointer.free.tap { outside << true } } }.each(&:join)
      events << inside.size
    end
    expect(log).to eq [differing(stock: 2, safe: 1)]
  end

  it "free inside the release returns nil, where ffi recurses without end" do
    log = log_of do |events, base|
      depth = 0
      pointer = nil
      pointer = base.new(events.raw, lambda { |_|
        events << (depth += 1)
        pointer.free if depth < 4
      })
      events << pointer.free
    end
    expect(log).to eq differing(stock: [1, 2, 3, 4, nil], safe: [1, nil])
  end

  it "the pointer is NULL after free, where ffi keeps the address" do
    log = log_of do |events, base|
      raw = events.raw
      pointer = handle(base).new(raw)
      pointer.free
      events << [pointer.null?, pointer == raw] << Array(error { pointer.get_uint8(0) }).first
      events << pointer.respond_to?(:freed?)
    end
    # Released memory is filled with 0xdd: ffi reads it.
    expect(log).to eq differing(
      stock: [:released, [false, true], :nothing_raised, false],
      safe: [:released, [true, false], FFI::NullPointerError, true]
    )
  end

  it "NULL is not released, nor is an own free run, where ffi does both" do
    log = log_of do |events, base|
      release = ->(pointer) { events << [:release, pointer.null?] }
      base.new(FFI::Pointer::NULL, release).free
      out_of_reach { base.new(FFI::Pointer::NULL, release) }
      full_gc
      own = Class.new(base) { define_method(:free) { events << :own_free } }.new(FFI::Pointer::NULL, release)
      own.autorelease = false
      own.free
      @kept = base.new(FFI::Pointer::NULL, release)
    end
    release = [:release, true]
    expect(log).to eq differing(stock: [release, release, :own_free, release], safe: [])
  end

  it "a block is the release where there is no other, which ffi refuses" do
    log = log_of do |events, base|
      events << (error { base.new(events.raw) { |raw| Oracle.free(raw) }.free })
    end
    expect(log).to eq differing(stock: [[RuntimeError, "no release method defined"]], safe: [:released, :nothing_raised])
  end

  it "an error at GC and exit is warned of in one line, where Ruby shows ffi's releaser and a backtrace" do
    child = fork_child do |events|
      base = candidate.pointer
      release = ->(_) { raise IOError, "busy" }
      out_of_reach { base.new(events.raw, release) }
      full_gc
      @kept = base.new(events.raw, release)
    end
    name = candidate.title[/[\w:]+/]
    block = "#{__FILE__}:#{__LINE__ - 6}"
    ours = %w[GC exit].map do |at|
      /\Asafe_pointer: release of #{name} address=#{Address::ANY} by a block at #{block} at #{at} raised IOError: busy \(#{block}:in /
    end
    ruby = "warning: Exception in finalizer #<FFI::AutoPointer::"
    expect([child.exitstatus, child.stdout]).to eq [0, ""]
    if candidate.stock?
      expect(child.stderr.scan(ruby).size).to eq 2
      expect(child.stderr.lines.size).to be > 4
    else
      expect(child.stderr.lines).to match ours
    end
  end

  it "no warning is given while $VERBOSE is nil, by either" do
    log = log_of do |events, base|
      $VERBOSE = nil
      release = ->(_) { events << :entered and raise(IOError, "busy") }
      out_of_reach { base.new(events.raw, release) }
      full_gc
    end
    expect(log).to eq [:entered]
  end

  it "a second initialize raises, where ffi's takes on another pointer" do
    log = log_of do |events, base|
      @kept = base.new(events.raw(:first), Oracle.method(:free))
      second = events.raw(:second)
      events << Array(error { @kept.send(:initialize, second, Oracle.method(:free)) }).first
      @kept.free
      events << :freed
    end
    expect(log).to eq differing(
      stock: [:nothing_raised, [:released, :second], :freed, [:released, :first]],
      safe: [RuntimeError, [:released, :first], :freed]
    )
  end

  it "a finalizer of the program's own runs before the release at exit, where it runs after ffi's" do
    log = log_of do |events, base|
      @kept = base.new(events.raw, ->(_) { events << :release })
      ObjectSpace.define_finalizer(@kept, ->(_) { events << :finalizer })
    end
    expect(log).to eq differing(stock: %i[release finalizer], safe: %i[finalizer release])
  end
end

# Not in the table: these follow from what is guaranteed, or nothing sensible can depend on them.
Parity.describe "differs in small things:" do
  it "the class's release called by hand with an instance is a release, which ffi knows nothing of" do
    log = log_of do |events, base|
      type = Class.new(base) { define_singleton_method(:release) { |_| events << :release } }
      @kept = type.new(events.raw)
      type.release(@kept)
      events << @kept.free
    end
    expect(log).to eq differing(stock: [:release, :release, nil], safe: [:release, nil])
  end

  it "autorelease? is true or false, where ffi returns what was set" do
    log = log_of do |events, base|
      @kept = base.new(events.raw, ->(_) {})
      events << [false, nil, 1, true].map do |on|
        @kept.autorelease = on
        @kept.autorelease?
      end
    end
    expect(log).to eq [differing(stock: [false, nil, 1, true], safe: [false, false, true, true])]
  end

  it "the class's release is looked up when it is called, where ffi keeps the one it had", since: "1.17" do
    log = log_of do |events, base|
      type = Class.new(base) { define_singleton_method(:release) { |_| events << :first } }
      pointer = type.new(events.raw)
      type.define_singleton_method(:release) { |_| events << :second }
      pointer.free
    end
    expect(log).to eq [differing(stock: :first, safe: :second)]
  end

  it "without an initialize, free and autorelease? answer, where ffi raises NoMethodError" do
    log = log_of do |events, base|
      pointer = handle(base).allocate
      events << (error { events << pointer.free }) << (error { events << pointer.autorelease? })
    end
    expect(log).to eq differing(stock: [NoMethodError, NoMethodError],
                                safe: [nil, :nothing_raised, false, :nothing_raised])
  end

  it "a class has no copies" do
    log = log_of do |events, base|
      events << (error { Class.new(base).dup }) << (error { Class.new(base).clone })
    end
    expect(log.map { |raised, *| raised }).to eq differing(stock: [:nothing_raised] * 2, safe: [TypeError] * 2)
  end
end
