# frozen_string_literal: true

DIAGNOSTICS = "docs/diagnostics.md"

WORLDS.under DIAGNOSTICS, "Counters",
  "images = Array.new(3) { Image.new(C.malloc(4096), size: 4096) }" => { before: IMAGES }

WORLDS.under DIAGNOSTICS, "What is alive, and where it was made",
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

WORLDS.under DIAGNOSTICS, "Warnings",
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

WORLDS.under DIAGNOSTICS, "Events",
  "EVENTS = Thread::Queue.new" => {
    before: <<~RUBY,
      #{IMAGES}
      METRICS = Object.new
      def METRICS.increment(name, **tags) = events << [name, tags[:class].name, tags[:by]]
    RUBY
    after: <<~RUBY,
      Image.new(C.malloc(16)).free
      subscription.unsubscribe
      Image.new(C.malloc(16)).free
      EVENTS.close
      (Thread.list - [Thread.current]).each(&:join)
    RUBY
    events: [["pointers.created", "Image", nil], ["pointers.released", "Image", :free]]
  }

WORLDS.under DIAGNOSTICS, "Errors",
  "ruby program.rb" => {
    files: { "program.rb" => <<~RUBY }
      require "safe_pointer"

      module Device
        def self.close(_) = raise(IOError, "busy")
      end

      class Session < SafePointer
        def initialize(pointer) = super(pointer, Device.method(:close))
      end

      Session.new(FFI::Pointer.new(8))
    RUBY
  },
  "SafePointer.on_release_error do |error, info|" => {
    before: <<~RUBY,
      require "logger"
      log = Object.new
      def log.write(text) = events << text
      def log.close = nil
      LOGGER = Logger.new(log, formatter: ->(*, text) { text[/.*(?=:\\d+:in )/] })
    RUBY
    after: <<~RUBY,
      class Session < SafePointer
        def self.release(_) = raise("busy")
      end
      out_of_reach { Session.new(FFI::Pointer.new(8)) }
      Object.new until SafePointer.stats[:errors] == 1
    RUBY
    events: ["Session by Session.release at gc: busy, after docs/diagnostics.md"]
  }
