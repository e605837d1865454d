# frozen_string_literal: true

USAGE = "docs/usage.md"

WORLDS.under USAGE, "The release function",
  LIBC => {},
  "SafePointer.new(C.malloc(16), C.method(:free))           # any object that responds to `call`" => { follows: LIBC },
  "Block.open(C.malloc(16)) { |block| block.write_string(\"hello\") }" => { follows: LIBC }

WORLDS.under USAGE, "A free of your own",
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
  }

WORLDS.under USAGE, "Transfer of ownership",
  "raw = block.detach      # the object that was wrapped" => {
    follows: LIBC, before: "block = Block.new(C.malloc(16))", after: "C.free(raw)"
  }

WORLDS.under USAGE, "Releaser",
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

WORLDS.under USAGE, "Other names for free",
  "class Statement < SafePointer" => {
    before: <<~RUBY,
      module C
        def self.finalize(pointer) = Oracle.free(pointer)
      end
    RUBY
    after: <<~RUBY,
      2.times { (@closed ||= Statement.new(events.raw(:closed))).close }
      Statement.new(events.raw(:finalized)).finalize!
    RUBY
    events: [%i[released closed], %i[released finalized]]
  }

WORLDS.under USAGE, "A C function as the release",
  "class NativeBlock < SafePointer" => {
    follows: LIBC,
    after: <<~RUBY
      out_of_reach { 3.times { NativeBlock.new(C.malloc(16)) } }
      full_gc
      NativeBlock.new(C.malloc(16)).free
    RUBY
  }

WORLDS.under USAGE, "Leases",
  "block.use { |raw| C.work_on(raw) }   # a `free` on another thread releases after the block" => {
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

WORLDS.under USAGE, "Release order",
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

WORLDS.under USAGE, "Release queues",
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

WORLDS.under USAGE, "Native memory size",
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

WORLDS.under USAGE, "Forked processes",
  "class Connection < SafePointer" => {
    after: <<~RUBY,
      def Connection.release(raw) = Oracle.free(raw)
      connection = Connection.new(events.raw(:connection))
      Process.wait(fork { events.sign(:fork) })
    RUBY
    events: [%i[released connection]]
  }

WORLDS.under USAGE, "FinalizationRegistry",
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

WORLDS.under USAGE, "A whole program at once",
  'require "safe_pointer/auto_pointer"' => IN_PLACE
