# frozen_string_literal: true

require "timeout"
require "ffi"
require "safe_pointer"
require_relative "../support/fiber_scheduler"
require_relative "../support/no_memory"
require_relative "../support/oracle"

# What the lines of a program call, in the process that runs it. It logs what has begun and how it has ended;
# the oracle writes to the same log, so the order of both is known.
module Fuzz
  # What threads are stopped with: no error.
  class Stop < Exception; end

  # An object that owns a pointer without being one.
  class Owner
    def initialize(raw, **options)
      @releaser = SafePointer::Releaser.attach(self, raw, Oracle.method(:free), **options)
    end

    attr_reader :releaser

    def free = @releaser.free
  end

  # A struct that owns its memory.
  class Record < SafePointer::ManagedStruct
    layout :value, :int

    def self.release(raw) = Oracle.free(raw)
    def free = pointer.free
  end

  # Ruby's own write lets other threads run, and a compaction of theirs moves the String under it (Ruby 3.1: EFAULT).
  module Descriptor
    extend FFI::Library

    ffi_lib FFI::Library::LIBC
    attach_function :write, %i[int string size_t], :ssize_t
  end
  private_constant :Descriptor

  # A callable that is neither a Proc nor a Method.
  class Destructor
    def self.call(raw) = Oracle.free(raw)
  end

  # One that has a method `call` only when it is called.
  class Missing < BasicObject
    def respond_to?(name, _private = false) = name == :call
    def method_missing(name, *arguments) = name == :call ? ::Oracle.free(*arguments) : super
    def respond_to_missing?(*) = true
  end

  # Of what Ruby asks objects for now and then it answers nothing.
  module Sulking
    %i[inspect to_s name hash == eql?].each { |name| define_method(name) { |*| raise IOError } }
  end

  class Sullen < Destructor
    include Sulking

    def call(raw) = Oracle.free(raw)
  end

  # A class for Ractors.
  class Native < SafePointer
    release_with Oracle, :free
  end

  LOCK = Mutex.new
  private_constant :LOCK

  @extras = @stubs = 0

  class << self
    attr_reader :signature

    def log_to(file)
      @file = file
      @log = file.fileno
      Oracle.log_to(file.fileno)
    end

    # Of use in finalizers and handlers of signals too: no lock, no buffer.
    def log(*words)
      words << @signature if @signature
      line = "#{words.join(" ")}\n"
      Descriptor.write(@log, line, line.bytesize)
    end

    # Yields the fiber, if the program made it.
    def pause
      return sleep(0) if Fiber.current_scheduler

      Thread.current[:fuzz_fiber] ? Fiber.yield : Thread.pass
    rescue FiberError # nobody has resumed it in a process that was forked in it, and ends
      Thread.pass
    end

    # Makes and frees another pointer.
    def extra
      pointer = SafePointer.new(Oracle.create("e#{@extras += 1}"), Oracle.method(:free))
      pointer.free if @extras.even?
    end

    def join(thread)
      thread.join
      nil
    rescue Stop
      nil
    rescue Exception => e
      # Threads of a program may wait for each other.
      raise unless e.message.include?("Deadlock")
    end

    # Waits for another thread, maybe.
    def lock
      LOCK.synchronize { nil }
    rescue ThreadError # in a handler of a signal
      nil
    end

    # Stops the block after that time. What comes while a finalizer has interrupts wait may come later than that.
    def timeout(seconds, &block)
      Timeout.timeout(seconds, Stop, &block)
      Thread.pass
    rescue Stop
      nil
    end

    # Runs the block in a fiber that does not block its thread, beside another one.
    def scheduled(&body)
      thread = background do
        Fiber.set_scheduler(FiberScheduler.new)
        Fiber.schedule(&body)
        Fiber.schedule { 3.times { pause } }
      end
      join(thread)
    end

    # Nothing can be opened while the block runs, but in a fiber, which may never come to its end. Ruby cannot fork then:
    # it takes pipes for each process.
    def with_few_files
      return yield if @few_files || Thread.current[:fuzz_fiber]

      @few_files = true
      limits = Process.getrlimit(:NOFILE)
      Process.setrlimit(:NOFILE, 0, limits.last)
      yield
    rescue SystemCallError, LoadError
      nil
    ensure
      Process.setrlimit(:NOFILE, *limits)
      @few_files = false
    end

    # The extension gets no memory while the block runs.
    def without_memory(&)
      NoMemory.here? ? NoMemory.during(&) : yield
    rescue NoMemoryError
      nil
    end

    # Runs the block where only so many more calls have room on the stack.
    def deep(left, &body)
      descend(depth - left, &body)
    rescue SystemStackError
      nil
    end

    # Makes four pointers in a Ractor, and frees two. With ffi before 1.16 there are none in Ractors.
    def ractor(number)
      return if Gem::Version.new(FFI::VERSION) < Gem::Version.new("1.16")

      Warning[:experimental] = false
      ractor = Ractor.new(number) do |prefix|
        pointers = Array.new(4) { |at| Fuzz::Native.new(Oracle.create("r#{prefix}_#{at}")) }
        pointers.first(2).each(&:free)
        nil
      end
      ractor.respond_to?(:value) ? ractor.value : ractor.take
    end

    # Has each call of a method, by ffi too, run Ruby before and after it.
    def prepend_to(place, name)
      place.prepend(Module.new do
        class_eval(<<~RUBY, __FILE__, __LINE__ + 1)
          def #{name}(...)
            Fuzz.meddle
            super.tap { Fuzz.meddle }
          end
        RUBY
      end)
    end

    def meddle
      return unless Ractor.current == Ractor.main

      @meddled = @meddled.to_i + 1
      GC.start(full_mark: false) if (@meddled % 50).zero?
      Thread.pass
    end

    # What goes wrong in the block, or jumps out of it, is of no concern.
    def quietly(&block)
      catch(:out, &block)
    rescue StandardError
      nil
    end

    # Runs the block in a forked process to its end, and waits for it.
    def forked(name)
      return if @few_files

      signature = [*@signature, name].join(".")
      Oracle.sign_fork(signature)
      pid = Process.fork do
        @signature = signature
        # Another thread may have forked in between.
        Oracle.sign(signature)
        yield
      end
      _, status = Process.wait2(pid)
      log("forked", name, well?(status) ? "well" : status.to_s.tr(" ", "_"))
    end

    # Has calls of a method go through another one while the block runs, in the manner of test doubles. The alias stays:
    # a release that waits may still have to run the wrapper.
    def stubbed(place, name, how)
      inherited = !place.method_defined?(name, false) && !place.private_method_defined?(name, false)
      original = inherited ? nil : place.instance_method(name)
      begin
        how == :alias ? wrap_alias(place, name) : wrap(place, name)
        yield
      ensure
        original ? place.send(:define_method, name, original) : place.send(:remove_method, name)
      end
    end

    def describe(value)
      case value
      when nil, true, false, Integer, Symbol then value.to_s.empty? ? "nil" : value.to_s
      when FFI::Pointer then "pointer"
      else value.class.to_s
      end
    end

    private

    # How many calls have room.
    def depth
      reached = 0
      begin
        descend(1 << 30) { reached += 1 }
      rescue SystemStackError
        reached
      end
    end

    def descend(calls, &body)
      yield if calls.zero?
      descend(calls - 1, &body)
    end

    # What a block of at_exit raised has been printed.
    def well?(status) = status.success? || status.exitstatus == 1 || status.termsig == Signal.list["INT"]

    def wrap_alias(place, name)
      other = :"fuzz_#{name}_#{@stubs += 1}"
      place.send(:alias_method, other, name)
      place.send(:define_method, name) { |*arguments, **options| send(other, *arguments, **options) }
    end

    def wrap(place, name)
      method = place.instance_method(name)
      place.send(:define_method, name) { |*arguments, **options| method.bind_call(self, *arguments, **options) }
    end
  end

  private

  # One step of the program. Errors are results like others; what ends more than the step goes on.
  def step(number)
    result = "left"
    Fuzz.log("begin", number)
    result = "=#{Fuzz.describe(catch(:out) { yield })}"
  rescue StandardError => e
    result = "!#{e.class}"
  ensure
    Fuzz.log("end", number, result)
  end

  def raw(name) = Oracle.create(name)

  def background(&body)
    Thread.new(&body).tap { |thread| thread.report_on_exception = false }
  end

  def fiber
    Fiber.new do
      Thread.current[:fuzz_fiber] = true
      yield
    end
  end

  # Runs Ruby, and collections, in the midst of everything.
  def tracing(*events)
    count = 0
    trace = TracePoint.new(*events) do
      count += 1
      GC.start(full_mark: false) if (count % 300).zero?
      "#{count} #{count}"
    end
    trace.enable { yield }
  end

  def stress
    GC.stress = 0x01 # minor collections
    yield
  ensure
    GC.stress = false
  end

  # References from the stack of a block that is over.
  def forget(depth = 20)
    depth.zero? ? nil : forget(depth - 1)
  end
end
