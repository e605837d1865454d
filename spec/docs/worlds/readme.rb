# frozen_string_literal: true

README = "README.md"

WORLDS.under README, "safe_pointer",
  BUFFER => { before: C_LIBRARY, events: [%i[released memory], %i[released memory]], signal: :ABRT, stderr: // },
  "class Buffer < SafePointer" => { before: C_LIBRARY, events: [%i[released memory]] }

WORLDS.under README, "Install",
  "gem install safe_pointer" => {
    run_by: { "gem install safe_pointer" => ["spec/package/user.rb", '"gem", "install", "--local"'] }
  }

WORLDS.under README, "Quick migration",
  "class GzFile < SafePointer" => {
    before: <<~RUBY,
      module C
        def self.gzclose(pointer) = Oracle.free(pointer)
      end
    RUBY
    after: <<~RUBY,
      2.times { (@closed ||= GzFile.new(events.raw(:closed))).close }
      GzFile.new(events.raw(:left))
    RUBY
    events: [%i[released closed], %i[released left]]
  },
  'require "safe_pointer/auto_pointer"' => IN_PLACE

WORLDS.under README, "Use",
  LIBC => {},
  "SafePointer.new(C.malloc(16), C.method(:free))             # any object that responds to `call`" => {
    follows: LIBC,
    after: <<~RUBY,
      NativeBlock.new(C.malloc(16)).free
      out_of_reach { 3.times { NativeBlock.new(C.malloc(16)) } }
      full_gc
      begin
        Block.open(C.malloc(16)) { |block| raise KeyError.new("in the block", receiver: block) }
      rescue KeyError => error
        events << error.receiver.freed?
      end
    RUBY
    events: [true]
  }

WORLDS.under README, "Development",
  "bin/demo   # the story of ffi/ffi#1126 on Vulkan, libc and SQLite: AutoPointer beside SafePointer" => {
    run_by: { "bin/demo" => [".ci/run", "check demo bin/demo"],
              "bin/test" => [".ci/run", "check test bin/test"],
              "bin/bench" => [".ci/run", "check bench bin/bench"] }
  }
