# frozen_string_literal: true

# What a process has more of after each round of an operation that is repeated for ever. What grows, grows in each
# round; what comes by chance does not. So the rounds go on until each figure has once not grown.
module Growth
  OPERATIONS = 300
  WARM_UP = 3
  # At most.
  ROUNDS = 20
  # What may be left in a round: memory that Ruby takes now and then (an operation that forgets its least allocation
  # leaves three times as much), and the figures themselves.
  ALLOWED = {bytes: 10 * OPERATIONS, objects: 5}.freeze

  # What Ruby and C have allocated, as the C library counts it. Of other C libraries it is what is resident.
  module Memory
    class Info < FFI::Struct
      layout(*%i[arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost].flat_map do |name|
        [name, :size_t]
      end)
    end

    extend FFI::Library
    ffi_lib FFI::Library::LIBC
    begin
      attach_function :mallinfo2, [], Info.by_value

      def self.bytes
        info = mallinfo2
        info[:uordblks] + info[:hblkhd]
      end
    rescue FFI::NotFoundError
      def self.bytes
        File.exist?("/proc/self/statm") ? File.read("/proc/self/statm").split[1].to_i * 4_096 : 0
      end
    end

    # Whether what Ruby allocates is in there: a checker may have a malloc of its own.
    def self.ruby?
      before = bytes
      text = "x" * (1 << 20)
      bytes - before >= text.bytesize
    end
  end

  # Pointers for operations, whose memory is C's.
  module Pointers
    module C
      extend FFI::Library
      ffi_lib FFI::Library::LIBC
      attach_function :malloc, [:size_t], :pointer
      attach_function :free, [:pointer], :void
    end

    FREE = C.method(:free)

    class Plain < SafePointer
      def self.release(raw) = C.free(raw)
    end

    class Native < SafePointer
      release_with C, :free
    end

    class Own < Plain
      frees_with :close
      def free = super
      def close = free
    end

    # Releases without the base class.
    class Alone < SafePointer
      def self.release(raw) = C.free(raw)
      def free = C.free(self)
    end

    class Failing < SafePointer
      def self.release(raw)
        C.free(raw)
        raise "failed"
      end
    end

    class Pair < SafePointer::ManagedStruct
      layout :x, :int, :y, :int
      def self.release(raw) = C.free(raw)
    end

    class Owner
      attr_accessor :releaser
    end

    QUEUE = SafePointer::ReleaseQueue.new

    class Queued < Plain
      release_queue QUEUE
    end

    module_function

    def raw = C.malloc(16)

    # What the block raises is expected, and must be.
    def refused(*errors)
      yield
    rescue *errors
      nil
    else
      raise "nothing was raised"
    end

    def in_thread = Thread.new { yield.then { nil } }.join

    def in_fiber = Fiber.new { yield.then { nil } }.resume
  end

  module_function

  # In the process that repeats the operation: by how much each figure grew, at least, in a round.
  def least(&operation)
    WARM_UP.times { OPERATIONS.times(&operation) }
    earlier = figures
    least = earlier.transform_values { Float::INFINITY }
    ROUNDS.times do
      OPERATIONS.times(&operation)
      later = figures
      least = least.to_h { |name, figure| [name, [figure, later[name] - earlier[name]].min] }
      break if excess(least).empty?

      earlier = later
    end
    least
  end

  # Those of the figures that are more than they may be.
  def excess(least)
    least.select { |name, figure| figure > ALLOWED.fetch(name, 0) }
  end

  def figures
    # It keeps what it has compiled of methods that were defined anew, and the objects in there.
    RubyVM::YJIT.code_gc if defined?(RubyVM::YJIT.code_gc)
    # The second one for what finalizers let go of, and the third for what these did.
    3.times { GC.start }
    {symbols: Symbol.all_symbols.size, threads: Thread.list.size, objects: objects,
     live: SafePointer.stats[:live], counted: SafePointer.stats[:bytes], bytes: Memory.bytes}
  end

  # Without those of Ruby's own on 32 bits: there a class keeps two of them for each call of its methods in code that was
  # evaluated and has met a collection (`class_eval "def x = Other.call"`, without this library, too).
  def objects
    counts = ObjectSpace.count_objects
    counts[:TOTAL] - counts[:FREE] - (FFI::Pointer.size == 4 ? counts[:T_IMEMO] : 0)
  end

  # What the operation of the process left behind in each round, where that is more than it may.
  def left_behind(child)
    excess(child.events.first || raise(child.inspect))
  end

  # A program that repeats `operation`, the source of a block, after `before`.
  def source(operation, before = "")
    <<~RUBY
      require #{File.expand_path(__FILE__).dump}
      include Growth::Pointers
      NOTHING = ->(_) {}
      NOWHERE = FFI::Pointer.new(8)
      KEPT = []
      Growth::Pointers.constants.each { |name| Object.const_set(name, Growth::Pointers.const_get(name)) }
      Warning[:experimental] = false
      #{before}
      events << Growth.least { #{operation} }
    RUBY
  end
end
