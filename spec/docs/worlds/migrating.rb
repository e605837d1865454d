# frozen_string_literal: true

GUIDE = "docs/migrating-from-auto_pointer.md"

# Two buffers: one freed by hand, one left to the end of the process.
USE_BUFFERS = <<~RUBY
  Buffer.new(C.create(:freed)).free
  Buffer.new(C.create(:left))
RUBY
BOTH = [%i[released freed], %i[released left]].freeze

WORLDS.under GUIDE, "A subclass",
  BUFFER => { before: C_LIBRARY, after: USE_BUFFERS, events: BOTH },
  "class Buffer < SafePointer" => { before: C_LIBRARY, after: USE_BUFFERS, events: BOTH }

WORLDS.under GUIDE, "A free of its own",
  BUFFER => { before: C_LIBRARY, after: USE_BUFFERS, events: BOTH },
  "class Buffer < SafePointer" => { before: C_LIBRARY, after: USE_BUFFERS, events: BOTH }

WORLDS.under GUIDE, "Other names for free",
  "class Statement < SafePointer" => [
    { before: C_LIBRARY, events: [%i[released memory]] * 2, signal: :ABRT, stderr: // },
    {
      before: C_LIBRARY,
      after: <<~RUBY,
        Statement.new(C.create(:freed)).tap(&:close).close
        Statement.new(C.create(:left))
      RUBY
      events: BOTH
    }
  ]

WORLDS.under GUIDE, "Procs and methods",
  "FFI::AutoPointer.new(C.create, C.method(:destroy))" => { before: C_LIBRARY, events: [%i[released memory]] * 2 },
  "SafePointer.new(C.create, C.method(:destroy))" => { before: C_LIBRARY, events: [%i[released memory]] * 2 },
  "class Message" => [
    {
      before: C_LIBRARY, after: "Message.new.close", events: [%i[released memory]] * 2, signal: :ABRT, stderr: //
    },
    {
      before: C_LIBRARY,
      after: <<~RUBY,
        message = Message.new
        2.times { message.close }
        Message.new
      RUBY
      events: [%i[released memory]] * 2
    }
  ]

WORLDS.under GUIDE, "ManagedStruct",
  "class Node < FFI::ManagedStruct" => {
    before: C_LIBRARY, after: "Node.new(C.create)[:value] = 1", events: [%i[released memory]]
  },
  "class Node < SafePointer::ManagedStruct" => { before: C_LIBRARY, events: [%i[released memory]] }

# What the text says of a second `close`, of the one and of the other.
CLOSE_TWICE = <<~RUBY
  texture = Texture.new(C.create)
  2.times { texture.close }
RUBY

WORLDS.under GUIDE, "Finalizers written by hand",
  "class Texture" => [
    { before: C_LIBRARY, after: CLOSE_TWICE, events: [%i[released memory]] * 2, signal: :ABRT, stderr: // },
    *Array.new(2) { { before: C_LIBRARY, after: CLOSE_TWICE, events: [%i[released memory]] } }
  ]

# AutoPointer would release the two in any order at exit; by hand there is one.
STATEMENT = <<~RUBY
  database = Buffer.new(C.create(:database))
  statement = Statement.new(C.create(:statement), database)
RUBY
BUFFERS = "#{C_LIBRARY}\nBuffer = Class.new(SafePointer) { def self.release(pointer) = C.destroy(pointer) }"

WORLDS.under GUIDE, "Objects that need each other",
  "class Statement < FFI::AutoPointer" => {
    before: BUFFERS, after: "#{STATEMENT}statement.free\ndatabase.free",
    events: [%i[released statement], %i[released database]]
  },
  "class Statement < SafePointer" => {
    before: BUFFERS, after: "#{STATEMENT}database.free", events: [%i[released statement], %i[released database]]
  }

WORLDS.under GUIDE, "A whole program",
  'require "safe_pointer/auto_pointer"' => {
    before: C_LIBRARY,
    after: <<~RUBY,
      buffer = Class.new(FFI::AutoPointer) do
        def self.release(pointer) = C.destroy(pointer)
        def free = C.destroy(self)
      end
      buffer.new(C.create).free
    RUBY
    events: [%i[released memory]]
  },
  "TheGem::GzFile.frees_with :close" => {
    before: <<~RUBY,
      #{C_LIBRARY}
      require "safe_pointer/auto_pointer"
      module TheGem
        class GzFile < FFI::AutoPointer
          def self.release(pointer) = C.destroy(pointer)
          def close = C.destroy(self)
        end
      end
    RUBY
    after: <<~RUBY,
      TheGem::GzFile.new(C.create(:freed)).tap(&:close).close
      TheGem::GzFile.new(C.create(:left))
    RUBY
    events: BOTH
  },
  "RUBYOPT=-rsafe_pointer/auto_pointer ruby program.rb" => {
    files: { "program.rb" => <<~RUBY },
      require "ffi"

      module C
        extend FFI::Library
        ffi_lib FFI::Library::LIBC
        attach_function :malloc, [:size_t], :pointer
        attach_function :free, [:pointer], :void
      end

      class Buffer < FFI::AutoPointer
        def self.release(pointer) = puts("released")

        def free
          puts "freed"
          C.free(self)
        end
      end

      Buffer.new(C.malloc(16)).free
    RUBY
    output: "freed\n"
  }

WORLDS.under GUIDE, "How to verify it",
  "before = SafePointer.stats[:live]" => { before: BUFFERS, events: [%i[released memory]] * 3 },
  "SAFE_POINTER_TRACE=report ruby program.rb" => {
    files: { "program.rb" => "#{IMAGES}Image.new(C.malloc(16)).free\n" },
    output: "safe_pointer: 0 pointers are alive in process 1, with 0 bytes of native memory\n"
  },
  "created = destroyed = 0" => { before: BUFFERS, events: [%i[released memory]] * 3 },
  "failures = []" => {
    after: <<~RUBY,
      Buffer = Class.new(SafePointer)
      out_of_reach { Buffer.new(FFI::Pointer.new(8), proc { raise "in use" }) }
      full_gc
      events << failures
    RUBY
    events: [["Buffer: in use"]]
  }
