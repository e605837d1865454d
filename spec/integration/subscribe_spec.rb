# frozen_string_literal: true

RSpec.describe "a subscriber" do
  def told(source)
    child = run_ruby(<<~RUBY)
      require "#{File.expand_path("../support/native_handle", __dir__)}"
      HEARD = []
      HEAR = ->(event) { HEARD << [event.name, event.pointer_class, event.trigger] }
      #{source}
      events << HEARD.map { |name, type, trigger| [name, type&.name, trigger] }
    RUBY
    expect(child).to be_quiet, child.inspect
    child.events.grep(Array).last
  end

  {
    "Handle" => "Handle.new(Oracle.create)",
    "NativeHandle" => "NativeHandle.new(Oracle.create)",
    "FFI::Pointer" => "SafePointer::Releaser.attach(Object.new, Oracle.create, Oracle.method(:free))"
  }.each do |name, make|
    it "is told of what GC finds dead, out of GC: #{name}" do
      heard = told(<<~RUBY)
        subscription = SafePointer.subscribe(&HEAR)
        out_of_reach { 3.times { #{make} } }
        full_gc
        subscription.unsubscribe
      RUBY
      expect(heard).to match_array [[:created, name, nil]] * 3 + [[:released, name, :gc]] * 3
    end

    it "is told of what nobody will release: #{name}" do
      heard = told(<<~RUBY)
        subscription = SafePointer.subscribe(&HEAR)
        out_of_reach { #{make}.autorelease = false }
        full_gc
        subscription.unsubscribe
      RUBY
      expect(heard).to eq [[:created, name, nil], [:detached, name, nil]]
    end

    it "is told of what is released at the end of the process: #{name}" do
      child = run_ruby(<<~RUBY)
        require "#{File.expand_path("../support/native_handle", __dir__)}"
        owner = Object.new
        kept = #{make.sub("Object.new", "owner")}
        SafePointer.subscribe { |event| events << [event.name, event.pointer_class.name, event.trigger] }
      RUBY
      expect(child).to have_attributes(quiet?: true, events: [:released, [:released, name, :exit]])
    end
  end

  {
    "Handle" => "Handle.new(Oracle.create)",
    "NativeHandle" => "NativeHandle.new(Oracle.create)",
    "NativeHandle, used in a lease" => "NativeHandle.new(Oracle.create).use { nil }",
    "FFI::Pointer" => "SafePointer::Releaser.attach(Object.new, Oracle.create, Oracle.method(:free))",
    "Handle, with autorelease off" => "Handle.new(FFI::Pointer.new(64)).autorelease = false",
    "NativeHandle, with autorelease off" => "NativeHandle.new(FFI::Pointer.new(64)).autorelease = false"
  }.each do |name, make|
    it "comes to an end where it makes a pointer for each event, and collects: #{name}" do
      heard = told(<<~RUBY)
        SafePointer.subscribe do |event|
          HEAR.call(event)
          exit!(1) if HEARD.size > 200
          #{make}
          GC.start
        end
        out_of_reach { 20.times { Handle.new(Oracle.create) } }
        full_gc
      RUBY
      expect(heard.tally).to eq([:created, "Handle", nil] => 20, [:released, "Handle", :gc] => 20)
    end
  end

  it "comes to an end where it makes a pointer for each event at exit" do
    child = run_ruby(<<~RUBY)
      kept = Array.new(20) { SafePointer.new(FFI::Pointer.new(64)) { nil } }
      SafePointer.subscribe do |event|
        events << [event.name, event.trigger]
        SafePointer.new(FFI::Pointer.new(64)) { nil }
      end
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [%i[released exit]] * 20)
  end

  it "is told what other fibers do while a scheduler has it wait" do
    heard = told(<<~RUBY)
      # As little of one as it takes: a fiber that sleeps goes on when all others had their turn.
      class Scheduler
        def initialize = @waiting = []
        def fiber(&block) = Fiber.new(blocking: false, &block).tap(&:resume)
        def kernel_sleep(*) = (@waiting << Fiber.current) && Fiber.yield
        def close = (@waiting.shift.resume until @waiting.empty?)
        def block(*) = Fiber.yield
        def unblock(_, fiber) = @waiting << fiber
        def io_wait(_, events, _) = events
        def fiber_interrupt(fiber, error) = fiber.raise(error)
      end
      SafePointer.subscribe do |event|
        sleep 0
        HEAR.call(event)
        Handle.new(Oracle.create).free
        sleep 0
      end
      Thread.new do
        Fiber.set_scheduler(Scheduler.new)
        3.times { Fiber.schedule { Handle.new(Oracle.create).free } }
      end.join
    RUBY
    expect(heard).to eq [[:created, "Handle", nil]] * 3 + [[:released, "Handle", :free]] * 3
  end

  it "is told without the class of what a C function releases, if it was made before" do
    heard = told(<<~RUBY)
      GC.disable
      out_of_reach { 5.times { NativeHandle.new(Oracle.create) } }
      SafePointer.subscribe(&HEAR)
      GC.enable
      full_gc
    RUBY
    expect(heard.uniq).to eq [[:released, nil, :gc]]
  end

  it "is told of what a queue releases, on its thread" do
    heard = told(<<~RUBY)
      QUEUE = SafePointer::ReleaseQueue.new
      [Handle, NativeHandle].each { |type| type.release_queue(QUEUE) }
      SafePointer.subscribe { |event| HEARD << [event.name, event.pointer_class, event.trigger || Thread.current.name] }
      out_of_reach { Thread.current.name = "maker"; Handle.new(Oracle.create); NativeHandle.new(Oracle.create) }
      full_gc
      HEARD << [:drain, nil, nil]
      QUEUE.drain
    RUBY
    made = %w[Handle NativeHandle].map { |name| [:created, name, "maker"] }
    expect(heard.first(3)).to eq [*made, [:drain, nil, nil]]
    expect(heard.drop(3)).to contain_exactly([:released, "Handle", :queue], [:released, "NativeHandle", :queue])
  end

  it "may make pointers when GC has found some, and collect again" do
    heard = told(<<~RUBY)
      SafePointer.subscribe do |event|
        HEAR.call(event)
        next unless event.pointer_class == NativeHandle && event.trigger == :gc

        Handle.new(Oracle.create)
        GC.start
      end
      out_of_reach { 2.times { NativeHandle.new(Oracle.create) } }
      full_gc
    RUBY
    expect(heard.first(4)).to eq [[:created, "NativeHandle", nil]] * 2 + [[:released, "NativeHandle", :gc]] * 2
  end

  it "is told of what GC finds dead while it runs, which is no doing of its own" do
    heard = told(<<~RUBY)
      SafePointer.subscribe do |event|
        HEAR.call(event)
        GC.start if event.name == :created
      end
      out_of_reach do
        20.times do
          Handle.new(Oracle.create)
          NativeHandle.new(Oracle.create)
          SafePointer::Releaser.attach(Object.new, Oracle.create, Oracle.method(:free))
        end
      end
      full_gc
    RUBY
    expect(heard.map { |name, _, trigger| [name, trigger] }.tally).to eq([:created, nil] => 60, %i[released gc] => 60)
  end

  it "may leave a constructor, and the other one raise when it is told" do
    child = run_ruby(<<~RUBY)
      require "#{File.expand_path("../support/native_handle", __dir__)}"
      SafePointer.subscribe { |event| event.name == :created ? throw(:out, 5) : raise(IOError, "no") }
      events << [Handle, NativeHandle].map { |type| catch(:out) { type.new(FFI::Pointer.new(64)) } }
      full_gc
    RUBY
    expect(child.status).to be_success, child.inspect
    expect(child.events).to eq [[5, 5]]
  end

  it "can come and go in the handler of a signal" do
    heard = told(<<~RUBY)
      subscription = nil
      trap(:USR1) { subscription = subscription ? subscription.unsubscribe : SafePointer.subscribe(&HEAR) }
      [1, 2].each do
        Process.kill(:USR1, Process.pid)
        pointer = Handle.new(Oracle.create)
        pointer.free
      end
    RUBY
    expect(heard).to eq [[:created, "Handle", nil], [:released, "Handle", :free]]
  end

  it "that raises at GC, or at exit, disturbs nothing" do
    child = run_ruby(<<~RUBY)
      require "#{File.expand_path("../support/native_handle", __dir__)}"
      SafePointer.subscribe { |event| raise IOError, "no" unless event.name == :created }
      out_of_reach { 3.times { Handle.new(Oracle.create); NativeHandle.new(Oracle.create) } }
      full_gc
      kept = [Handle.new(Oracle.create), NativeHandle.new(Oracle.create)]
    RUBY
    expect(child.status).to be_success
    expect(child.events).to eq [:released] * 8
    expect(child.stderr).to eq "safe_pointer: a subscriber raised IOError: no, and is told of more\n"
  end

  it "is told on the threads that free, of each pointer once" do
    heard = told(<<~RUBY)
      SafePointer.subscribe(&HEAR)
      pointers = Array.new(50) { [Handle, NativeHandle].sample.new(Oracle.create) }
      Array.new(4) { |i| Thread.new { pointers.rotate(i * 7).each(&:free) } }.each(&:join)
    RUBY
    expect(heard.map { |name, _, trigger| [name, trigger] }.tally).to eq([:created, nil] => 50, %i[released free] => 50)
  end

  it "is not told of what happens in other Ractors" do
    skip "Ruby #{RUBY_VERSION}: Ractors are tested on 3.3 and later" if RUBY_VERSION < "3.3"
    heard = told(<<~RUBY)
      Warning[:experimental] = false
      SafePointer.subscribe(&HEAR)
      Ractor.new { [Handle, NativeHandle].each { |type| type.new(Oracle.create).free } }.value
    RUBY
    expect(heard).to be_empty
  end
end
