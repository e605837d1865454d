# frozen_string_literal: true

require_relative "../support/growth"
require_relative "../../examples/sqlite/database"

# The examples write each release down, which is of no use here.
def Ledger.write(line) = line.start_with?("bad: ") ? abort(line) : nil
def Ledger.made(pointer) = pointer
def Ledger.released(_pointer) = nil

module Soak
  # What requests do: each kind makes pointers in another way, and frees some and leaves others to GC. The pointers are
  # blocks of the C library, which ends the process where one is freed twice, and SQLite's handles.
  class Work
    C = Growth::Pointers::C

    class Block < SafePointer
      def self.release(raw) = C.free(raw)
    end

    class Native < SafePointer
      release_with C, :free
    end

    # Frees what it has by itself, as the classes of ffi/ffi#1126 do.
    class Own < Block
      frees_with :close
      def free = C.free(self)
      def close = free
    end

    class Failing < Block
      def self.release(raw)
        super
        raise "a release that fails"
      end
    end

    class Queued < Block
      release_queue SafePointer::ReleaseQueue.new(thread: true)
    end

    KINDS = %i[statement block native own family lease fiber queue registry detach error].freeze

    def initialize
      @database = Database.open
      @lock = Mutex.new
      @registry = SafePointer::FinalizationRegistry.new { |raw| C.free(raw) }
      @seen = Hash.new(0)
      SafePointer.subscribe { |event| @seen[event.name] += 1 }
      SafePointer.on_release_error { |_, info| @seen[info[:class]] += 1 }
    end

    def do(kind) = __send__(KINDS.find { |known| known.name == kind } || raise(ArgumentError, "no such work: #{kind}"))

    private

    # The library was compiled for threads; a database is used by one at a time.
    def statement
      @lock.synchronize do
        statements = Array.new(3) { |n| Statement.new(@database, "SELECT #{n}") }
        statements.each { |one| one.use { SQLite.sqlite3_step(one) } }
        statements.first.free
      end
    end

    def block
      Block.new(raw).free
      Block.open(raw) { |pointer| pointer.address }
      Block.new(raw, size: 64)
    end

    def native
      Native.new(raw).free
      Native.new(raw)
    end

    def own
      Own.new(raw).free
      Own.new(raw).close
      Own.new(raw)
    end

    def family
      parent = Block.new(raw)
      child = Native.new(raw, parent: parent)
      Block.new(raw, parent: parent)
      parent.free
      child.free
    end

    def lease
      pointer = Block.new(raw)
      users = Array.new(2) { Thread.new { use(pointer) } }
      pointer.use { pointer.free }
      users.each(&:join)
    end

    def use(pointer)
      pointer.use { Thread.pass }
    rescue SafePointer::ReleasedError
      nil # freed before
    end

    # Some of them never go on.
    def fiber
      pointer = Block.new(raw)
      Fiber.new { pointer.use { Fiber.yield } }.resume
      Fiber.new { Own.new(raw).free }.resume
    end

    def queue = Queued.new(raw)

    def registry
      @registry.register(Object.new, raw)
      @registry.register(Object.new, kept = raw, token = Object.new)
      C.free(kept) if @registry.unregister(token)
    end

    def detach = C.free(Block.new(raw).detach)

    def error
      Failing.new(raw).free
    rescue RuntimeError
      Failing.new(raw)
    end

    def raw = C.malloc(32)
  end
end
