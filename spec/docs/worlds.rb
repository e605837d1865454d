# frozen_string_literal: true

require_relative "world"

# A C library `C` that counts: its memory is the oracle's, each piece with a name in the log.
C_LIBRARY = <<~RUBY
  module C
    def self.create(name = :memory) = events.raw(name)
    def self.destroy(pointer) = Oracle.free(pointer)
  end
RUBY

BUFFER = "class Buffer < FFI::AutoPointer"
LIBC = 'require "safe_pointer"'

WORLDS = Worlds.new

WORLDS.under "README.md", "safe_pointer",
  BUFFER => { before: C_LIBRARY, events: [%i[released memory], %i[released memory]], signal: :ABRT, stderr: // },
  "class Buffer < SafePointer" => { before: C_LIBRARY, events: [%i[released memory]] }

WORLDS.under "README.md", "Try it",
  "bin/demo   # the story of ffi/ffi#1126 on Vulkan, libc and SQLite: AutoPointer beside SafePointer" => {
    run_by: { "bin/demo" => [".ci/run", "check demo bin/demo"],
              "bin/test" => [".ci/run", "check test bin/test"],
              "bin/bench" => [".ci/run", "check bench bin/bench"] }
  }

WORLDS.under "README.md", "Install",
  "gem install safe_pointer" => {
    run_by: { "gem install safe_pointer" => ["spec/package/user.rb", '"gem", "install", "--local"'] }
  }

WORLDS.under "README.md", "Use",
  LIBC => {},
  "SafePointer.new(C.malloc(16), C.method(:free))           # anything that answers `call`" => { follows: LIBC },
  "class PoolBuffer < SafePointer" => {
    before: <<~RUBY,
      module Pool
        def self.wait(buffer) = events << :waited
        def self.give_back(pointer) = Oracle.free(pointer)
      end
    RUBY
    after: <<~RUBY,
      buffer = PoolBuffer.new(events.raw(:buffer))
      2.times { buffer.free(wait: true) }
      PoolBuffer.new(events.raw(:left))
    RUBY
    events: [:waited, %i[released buffer], %i[released left]]
  },
  "class Statement < SafePointer" => {
    after: <<~RUBY,
      class Statement
        def self.release(raw) = Oracle.free(raw)
        def close = Oracle.free(self)
        alias finalize! close
      end
      Statement.new(events.raw(:closed)).tap(&:close).close
      Statement.new(events.raw(:finalized)).finalize!
    RUBY
    events: [%i[released closed], %i[released finalized]]
  },
  "raw = block.detach      # the object that was wrapped" => {
    follows: LIBC, before: "block = Block.new(C.malloc(16))", after: "C.free(raw)"
  },
  "Block.open(C.malloc(16)) { |block| block.write_string(\"hello\") }" => { follows: LIBC },
  "class Device" => {
    before: <<~RUBY,
      module LibUSB
        def self.ref_device(pointer) = Oracle.reference(pointer)
        def self.unref_device(pointer) = Oracle.free(pointer)
      end
    RUBY
    after: <<~RUBY,
      raw = events.raw(:device)
      device = Device.new(raw)
      2.times { device.close }
      Oracle.free(raw)
    RUBY
    events: [%i[released device], %i[released device]]
  }

WORLDS.under "README.md", "A C function as the release",
  "class NativeBlock < SafePointer" => {
    follows: LIBC,
    after: <<~RUBY
      out_of_reach { 3.times { NativeBlock.new(C.malloc(16)) } }
      full_gc
      NativeBlock.new(C.malloc(16)).free
    RUBY
  }

WORLDS.under "README.md", "While it is in use",
  "block.use { |raw| C.work_on(raw) }   # a `free` on another thread is carried out after the block" => {
    before: <<~RUBY,
      block = $block = events.pointer(:block)
      module C
        def self.work_on(raw)
          Thread.new { $block.free }.join
          events << :worked
        end
      end
    RUBY
    events: [:worked, %i[released block]]
  }

WORLDS.under "README.md", "What must be released before what",
  "database = Database.new(raw_database)" => {
    before: <<~RUBY,
      Database = Class.new(Handle)
      Statement = Class.new(Handle)
      raw_database, raw_statement = %i[database statement].map { |name| events.raw(name) }
    RUBY
    events: [%i[released statement], %i[released database]]
  },
  "buffer = CommandBuffer.new(raw_buffer, parent: pool, freed_by_parent: true)" => {
    before: <<~RUBY,
      CommandBuffer = Class.new(Handle)
      pool = events.pointer(:pool)
      raw_buffer = events.raw(:buffer)
    RUBY
    after: <<~RUBY,
      pool.free
      events << buffer.freed?
    RUBY
    events: [%i[released pool], true]
  }

WORLDS.under "README.md", "On which thread",
  "RENDER_QUEUE = SafePointer::ReleaseQueue.new" => {
    before: <<~RUBY,
      module GL
        extend FFI::Library
        ffi_lib Oracle.build
        attach_function :delete_texture, :oracle_free, [:pointer], :void
      end
    RUBY
    after: <<~RUBY,
      out_of_reach { Texture.new(events.raw(:texture)) }
      full_gc
      events << RENDER_QUEUE.size
      RENDER_QUEUE.drain
    RUBY
    events: [1, %i[released texture]]
  }

WORLDS.under "README.md", "How much memory",
  "Image.new(C.decode(file), size: width * height * 4)" => {
    before: <<~RUBY,
      Image = Class.new(Handle)
      module C
        def self.decode(file) = events.raw(file)
      end
      file, width, height = :image, 640, 480
    RUBY
    events: [%i[released image]]
  }

WORLDS.under "README.md", "In forked processes",
  "class Connection < SafePointer" => {
    after: <<~RUBY,
      def Connection.release(raw) = Oracle.free(raw)
      connection = Connection.new(events.raw(:connection))
      Process.wait(fork { events.sign(:fork) })
    RUBY
    events: [%i[released connection]]
  }

WORLDS.under "README.md", "When any object is gone",
  "registry = SafePointer::FinalizationRegistry.new { |path| File.delete(path) }" => {
    before: <<~RUBY,
      require "tempfile"
      path = Tempfile.create.path
      document = Struct.new(:scratch_path).new(path)
    RUBY
    after: <<~RUBY
      document = nil
      full_gc while File.exist?(path)
    RUBY
  }

WORLDS.under "README.md", "A whole program at once",
  'require "safe_pointer/auto_pointer"' => {
    after: <<~RUBY,
      buffer = Class.new(FFI::AutoPointer) do
        def self.release(pointer) = Oracle.free(pointer)
        def free = Oracle.free(self)
      end
      buffer.new(events.raw(:buffer)).free
      events << SafePointer.replaced_auto_pointer?
    RUBY
    events: [%i[released buffer], true]
  }

WORLDS.under "README.md", "Errors",
  "SafePointer.on_release_error do |error, info|" => {
    before: <<~RUBY,
      LOGGER = Object.new
      def LOGGER.error(text) = events << text
    RUBY
    after: <<~RUBY,
      out_of_reach { SafePointer.new(FFI::Pointer.new(8)) { raise "in use" } }
      full_gc
    RUBY
    events: ["SafePointer at gc: in use"]
  }

# libc, and images in its memory.
IMAGES = <<~RUBY
  require "safe_pointer"

  module C
    extend FFI::Library
    ffi_lib FFI::Library::LIBC
    attach_function :malloc, [:size_t], :pointer
    attach_function :free, [:pointer], :void
  end

  class Image < SafePointer
    def self.release(pointer) = C.free(pointer)
  end
RUBY

WORLDS.under "README.md", "Finding leaks and double owners",
  "images = Array.new(3) { Image.new(C.malloc(4096), size: 4096) }" => { before: IMAGES }

WORLDS.under "README.md", "What is alive, and where it was made",
  "SAFE_POINTER_TRACE=report ruby program.rb" => {
    files: { "program.rb" => "#{IMAGES}\n#{<<~RUBY}" }
      class Session < SafePointer
        def initialize(pointer)
          super(pointer) { |raw| C.free(raw) }
        end
      end

      images = Array.new(3) { Image.new(C.malloc(4096), size: 4096) }
      images.first.free
      session = Session.new(C.malloc(16))
      4.times { GC.start }
    RUBY
  },
  "SafePointer.trace = true   # remembers where pointers are made, from here on" => {
    before: "#{IMAGES}\nrequire \"stringio\"\nLOG = StringIO.new\nAT_START = GC.count",
    after: <<~RUBY,
      events << (live.site == live.made_at.first) << live.age.between?(0, GC.count - AT_START)
      events << LOG.string.lines.grep(/Image/).size
    RUBY
    events: [true, true, 1]
  }

WORLDS.under "README.md", "Warnings",
  "SafePointer.warnings[:second_owner] = true   # a pointer is made for an address that another one owns" => {
    after: "events << SafePointer.warnings.to_h.values", events: [[true, true, true]]
  },
  "ruby program.rb" => {
    files: { "program.rb" => "#{IMAGES}\n#{<<~RUBY}" }
      SafePointer.warnings[:second_owner] = true
      SafePointer.warnings[:freed_by_gc] = true

      memory = C.malloc(16)
      image = Image.new(memory)
      Image.new(memory).detach
      image.free
      Thread.new { Image.new(C.malloc(16)).then { nil } }.join
      2.times { GC.start }
    RUBY
  },
  "class Session < SafePointer" => {
    before: IMAGES, after: "Session.new(C.malloc(16)).free", stderr: /GC will never release this Session: it is self/
  }

WORLDS.under "README.md", "Events",
  "subscription = SafePointer.subscribe do |event|" => {
    before: <<~RUBY,
      #{IMAGES}
      METRICS = Object.new
      def METRICS.increment(name, **tags) = events << [name, tags[:class].name, tags[:by]]
    RUBY
    after: <<~RUBY,
      Image.new(C.malloc(16)).free
      subscription.unsubscribe
      Image.new(C.malloc(16)).free
    RUBY
    events: [["pointers.created", "Image", nil], ["pointers.released", "Image", :free]]
  }

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
  "class Buffer < SafePointer" => { before: C_LIBRARY, after: USE_BUFFERS, events: BOTH },
  "class Statement < SafePointer" => {
    before: C_LIBRARY,
    after: <<~RUBY,
      Statement.new(C.create(:freed)).tap(&:close).close
      Statement.new(C.create(:left))
    RUBY
    events: BOTH
  }

WORLDS.under GUIDE, "Procs and methods",
  "FFI::AutoPointer.new(C.create, C.method(:destroy))" => { before: C_LIBRARY, events: [%i[released memory]] * 2 },
  "SafePointer.new(C.create, C.method(:destroy))" => { before: C_LIBRARY, events: [%i[released memory]] * 2 }

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
