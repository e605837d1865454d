# frozen_string_literal: true

require "open3"
require "tmpdir"
require_relative "parity"

# A gem as they are: written for FFI::AutoPointer, and loaded before or after it was made safe.
RSpec.describe "a gem that uses FFI::AutoPointer, in a process that replaces it" do
  gem_source = <<~'RUBY'
    # frozen_string_literal: true

    module Store
      module Native
        extend FFI::Library
        ffi_lib Oracle.build
        attach_function :free, :oracle_free, [:pointer], :void
        attach_function :reference, :oracle_reference, [:pointer], :void
      end

      class Handle < FFI::AutoPointer
        class << self
          private

          def release(pointer) = Native.free(pointer)
        end

        def close
          return if closed?

          @closed = true
          free
        end

        def closed? = @closed || false
      end

      class Cursor < Handle
        attr_reader :store

        def initialize(pointer, store: nil)
          super(pointer)
          @store = store
        end

        # Destroys, and would be released again.
        def free
          Native.free(self)
        end
      end

      class Row < FFI::ManagedStruct
        layout :id, :int32, :size, :int32

        def self.release(pointer) = Native.free(pointer)
      end

      class Shared < FFI::AutoPointer
        def initialize(pointer)
          Native.reference(pointer)
          super(pointer, self.class.method(:unref))
        end

        def self.unref(pointer) = Native.free(pointer)
      end

      module Native
        attach_function :open, :oracle_new, [:size_t, :string], Handle
        attach_function :cursor, :oracle_new, [:size_t, :string], Cursor
        attach_function :row, :oracle_new, [:size_t, :string], Row.by_ref
        attach_function :raw, :oracle_new, [:size_t, :string], :pointer
        attach_function :position, :oracle_address, [Cursor], :size_t
      end
    end
  RUBY

  use = <<~'RUBY'
    closed = Store::Native.open(16, "closed")
    2.times { closed.close }
    events << [closed.closed?, closed.freed?]

    cursor = Store::Native.cursor(16, "cursor")
    events << (Store::Native.position(cursor) == cursor.address)
    2.times { cursor.free }
    events << (Store::Native.position(cursor) rescue $!.class)

    row = Store::Native.row(16, "row")
    row[:id] = 42
    events << row[:id]
    row.pointer.free

    raw = Store::Native.raw(16, "shared")
    shared = Store::Shared.new(raw)
    shared.free
    events << shared.freed?
    Store::Native.free(raw)

    $kept = [Store::Native.open(16, "kept"), Store::Native.cursor(16, "kept"), Store::Native.row(16, "kept")]
    full_gc
    events << :ending
  RUBY

  logged = [
    [:released, :closed], [true, true],
    true, [:released, :cursor], SafePointer::ReleasedError,
    42, [:released, :row],
    [:released, :shared], true, [:released, :shared],
    :ending, [:released, :kept], [:released, :kept], [:released, :kept]
  ]

  # Runs a program with Ruby's warnings on, which must be as quiet as without.
  def log_of(source, gem_source)
    Dir.mktmpdir do |directory|
      File.write(File.join(directory, "store.rb"), gem_source)
      child = run_ruby("$VERBOSE = true\n$LOAD_PATH.unshift(#{directory.dump})\n#{source}")
      RSpec::Expectations.fail_with("the program did not end quietly: #{child.inspect}") unless child.quiet?
      child.events
    end
  end

  it "is safe when it is loaded afterwards" do
    expect(log_of("require \"safe_pointer/auto_pointer\"\nrequire \"store\"\n#{use}", gem_source)).to eq logged
  end

  it "is safe when it is loaded before" do
    # Attaching a function asks for the native type, and earlier versions do not see a private release.
    source = Parity.older_than?("1.17") ? gem_source.sub("    private\n", "") : gem_source
    expect(log_of("require \"store\"\nrequire \"safe_pointer/auto_pointer\"\n#{use}", source)).to eq logged
  end

  it "is safe when a thread loads it" do
    source = "require \"safe_pointer/auto_pointer\"\nThread.new { require \"store\" }.join\n#{use}"
    expect(log_of(source, gem_source)).to eq logged
  end

  it "may reopen FFI::AutoPointer itself" do
    log = log_of(<<~RUBY, <<~'GEM')
      require "safe_pointer/auto_pointer"
      require "store"
      $kept = FFI::AutoPointer.new(events.raw, Oracle.method(:free))
      events << $kept.close
      events << $kept.close << $kept.freed?
    RUBY
      class FFI::AutoPointer
        def close = freed? ? :closed : free
      end
    GEM
    expect(log).to eq [:released, nil, :closed, true]
  end

  it "may have made releasers of its own for its own objects" do
    log = log_of(<<~RUBY, <<~'GEM')
      require "safe_pointer/auto_pointer"
      require "store"
      out_of_reach { Owner.new(events.raw(:dropped)) }
      full_gc
      $kept = Owner.new(events.raw(:closed))
      $kept.close
      events << :closed
    RUBY
      class Owner
        class Release < FFI::AutoPointer::Releaser
          def release(pointer) = Oracle.free(pointer)
        end

        def initialize(pointer)
          @releaser = Release.new(pointer, nil)
          ObjectSpace.define_finalizer(self, @releaser)
        end

        def close = @releaser.free
      end
    GEM
    expect(log).to eq [[:released, :dropped], [:released, :closed], :closed]
  end

  it "brings no warnings with it: ruby -w" do
    program = <<~RUBY
      require "ffi"
      class Before < FFI::AutoPointer
        def self.release(_) = nil
        def free = nil
      end
      before = Before.new(FFI::Pointer.new(4096))
      require "safe_pointer/auto_pointer"
      class After < FFI::AutoPointer
        frees_with :close
        def self.release(_) = nil
        def free = super
        def close = free
      end
      class Point < FFI::ManagedStruct
        layout :x, :int
        def self.release(_) = nil
        def free = pointer.free
      end
      [before, After.new(FFI::Pointer.new(4096)), Point.new(FFI::Pointer.new(4096))].each(&:free)
      After.new(FFI::Pointer.new(4096)).close
    RUBY
    env = {"RUBYLIB" => $LOAD_PATH.join(File::PATH_SEPARATOR)}
    output, status = Open3.capture2e(env, RbConfig.ruby, "-w", "-e", program)
    expect([output, status.exitstatus]).to eq ["", 0]
  end
end
