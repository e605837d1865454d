# frozen_string_literal: true

require_relative "../support/growth"

# No operation, repeated for ever, has the process grow. Each is repeated in a process of its own; pointers are real
# memory of C's, and what an operation does not free there it leaves to GC. Methods and classes that come and go are in
# guard_growth_spec.rb.
#
# Under GC stress there is time for a few rounds only, in which nothing grows by much.
RSpec.describe "what an operation leaves behind", unless: GCLevel::CURRENT == "stress" do
  # A row for each operation. Where it is a pair, the first is run once, before.
  operations = {
    "a pointer with a release of its class" => "Plain.new(raw)",
    "a pointer with a callable" => "SafePointer.new(raw, FREE)",
    "a pointer with a block" => "SafePointer.new(raw) { |pointer| C.free(pointer) }",
    "a pointer with a C function" => "Native.new(raw)",
    "a pointer with a size" => "Plain.new(raw, size: 16)",
    "a pointer with a size that changes" => "pointer = Plain.new(raw, size: 16); pointer.size = 32; pointer.native_size",
    "a pointer with a fork policy" => "Plain.new(raw, fork_policy: :discard)",
    "a pointer with a queue" => "Plain.new(raw, release_queue: QUEUE); QUEUE.drain",
    "a pointer of a class with a queue" => "Queued.new(raw); QUEUE.drain(max: 10)",
    "a pointer with a C function and a queue" => "Native.new(raw, release_queue: QUEUE); QUEUE.drain",
    "a pointer with every option" => [
      "parent = Plain.new(raw)",
      "Plain.new(raw, parent: parent, size: 8, fork_policy: :release, release_queue: QUEUE); QUEUE.drain"
    ],
    "a pointer that is NULL" => "Plain.new(FFI::Pointer::NULL).free",
    "a pointer that is allocated and no more" => "Plain.allocate; Native.allocate; Pair.allocate",
    "SafePointer.open" => "Plain.open(raw) { |pointer| pointer.address }",
    "SafePointer.open without a block" => "Plain.open(raw).free",
    "SafePointer.open and a block that raises" => "refused(IOError) { Plain.open(raw) { raise IOError } }",
    "a converter" => "Plain.to_native(Plain.from_native(raw, nil), nil); Plain.native_type",

    "free" => "Plain.new(raw).free",
    "free with a callable" => "SafePointer.new(raw, FREE).free",
    "free by a C function" => "Native.new(raw).free",
    "free again and again" => ["pointer = Plain.new(raw)", "pointer.free"],
    "free again and again by a C function" => ["pointer = Native.new(raw)", "pointer.free"],
    "free of a frozen pointer" => "Plain.new(raw).freeze.free; Native.new(raw).freeze.free",
    "free on a thread" => "pointer = Plain.new(raw); in_thread { pointer.free }",
    "free in a release" => "pointer = nil; pointer = SafePointer.new(raw, ->(r) { pointer.free; C.free(r) }); pointer.free",
    "an own free" => "Own.new(raw).free",
    "an own free under another name" => "Own.new(raw).close",
    "an own free that is left to GC" => "Own.new(raw)",
    "an own free without super" => "Alone.new(raw).free",
    "an own free in a lease" => "pointer = Own.new(raw); pointer.use { pointer.free }",
    "an own free that is kept waiting by a child" => "a = Own.new(raw); b = Own.new(raw, parent: a); a.close; b.close",
    "a free of one pointer" => "pointer = Plain.new(raw); def pointer.free = super; pointer.free",
    "a free of one pointer with a C function" => "pointer = Native.new(raw); def pointer.free = super; pointer.free",
    "a release called by hand" => "Plain.release(Plain.new(raw))",
    "a release called by hand by a C function" => "Native.release(Native.new(raw))",
    "a release that raises" => "refused(RuntimeError) { Failing.new(raw).free }",
    "a release that raises at GC" => ["SafePointer.on_release_error { |_, info| info[:class] }", "Failing.new(raw)"],
    "a handler of errors" => "SafePointer.on_release_error { nil }; SafePointer.on_release_error",
    "detach" => "C.free(Plain.new(raw).detach)",
    "detach from a C function" => "C.free(Native.new(raw).detach)",
    "detach from a parent" => [
      "parent = Plain.new(raw)",
      "[true, false].each { |within| C.free(Plain.new(raw, parent: parent, freed_by_parent: within).detach) }"
    ],
    "detach twice" => "pointer = Plain.new(raw); C.free(pointer.detach); refused(SafePointer::ReleasedError) { pointer.detach }",
    "autorelease" => "a = Plain.new(raw); a.autorelease = false; a.autorelease?; a.autorelease = true",
    "autorelease = false, then free" => "a = Plain.new(raw); a.autorelease = false; a.free",
    "autorelease = false, left to GC" => "r = raw; a = Plain.new(r); a.autorelease = false; C.free(r)",
    "autorelease = false of a C function" => "r = raw; a = Native.new(r); a.autorelease = false; C.free(r)",
    "undefine_finalizer" => "r = raw; ObjectSpace.undefine_finalizer(Plain.new(r)); C.free(r)",

    "a lease" => "Plain.new(raw).use { |pointer| pointer.address }",
    "leases of one pointer" => ["pointer = Plain.new(raw)", "pointer.use { pointer.use { nil } }"],
    "a lease of a C function's pointer" => "Native.new(raw).use { nil }",
    "a free in a lease" => "pointer = Plain.new(raw); pointer.use { pointer.free }",
    "a free in a lease of a C function's pointer" => "pointer = Native.new(raw); pointer.use { pointer.free }",
    "frees in one lease" => ["pointer = Plain.new(raw)", "pointer.use { 2.times { pointer.free } } unless pointer.freed?"],
    "a lease on a thread" => "pointer = Plain.new(raw); in_thread { pointer.use { pointer.free } }",
    "a lease on a fiber" => "pointer = Plain.new(raw); in_fiber { pointer.use { pointer.free } }",
    "leases of one pointer on fibers" => ["pointer = Plain.new(raw)", "in_fiber { pointer.use { nil } }"],
    "leases of one pointer on threads" => ["pointer = Plain.new(raw)", "in_thread { pointer.use { nil } }"],
    "a lease on a fiber that never goes on" => "a = Plain.new(raw); in_fiber { a.use { a.free; Fiber.yield } }",
    "leases of one pointer on fibers that never go on" => [
      "pointer = Plain.new(raw)", "in_fiber { pointer.use { Fiber.yield } }"
    ],
    "a lease that raises" => "refused(IOError) { Plain.new(raw).use { raise IOError } }",
    "a lease of a freed pointer" => [
      "pointer = Plain.new(raw).tap(&:free)", "refused(SafePointer::ReleasedError) { pointer.use { nil } }"
    ],

    "a family left to GC" => "a = Plain.new(raw); Plain.new(raw, parent: a)",
    "a family freed, children first" => "a = Plain.new(raw); b = Plain.new(raw, parent: a); b.free; a.free",
    "a family freed, parent first" => "a = Plain.new(raw); b = Plain.new(raw, parent: a); a.free; b.free",
    "a family freed, parent only" => "a = Plain.new(raw); Plain.new(raw, parent: a); a.free",
    "a family of C functions" => "a = Native.new(raw); b = Native.new(raw, parent: a); a.free; b.free",
    "a family of C functions left to GC" => "a = Native.new(raw); Native.new(raw, parent: a)",
    "a family of three" => "a = Plain.new(raw); b = Plain.new(raw, parent: a); c = Plain.new(raw, parent: b); a.free; b.free; c.free",
    "a parent that keeps its child" => "a = Plain.new(raw); a.instance_variable_set(:@child, Plain.new(raw, parent: a))",
    "children of one parent" => ["parent = Plain.new(raw)", "Plain.new(raw, parent: parent)"],
    "children of one parent that are freed" => ["parent = Plain.new(raw)", "Plain.new(raw, parent: parent).free"],
    "parent=" => "a = Plain.new(raw); b = Plain.new(raw); b.parent = a; b.parent; b.parent = nil; b.parent = a; a.free",
    "parent= of one pointer" => [
      "pointer = Plain.new(raw); parents = Array.new(2) { Plain.new(raw) }",
      "pointer.parent = parents.rotate!.first"
    ],
    "a parent that is a descendant" => [
      "parent = Plain.new(raw); child = Plain.new(raw, parent: parent)", "refused(ArgumentError) { parent.parent = child }"
    ],
    "a parent that is released" => [
      "parent = Plain.new(raw).tap(&:free)",
      "r = raw; refused(SafePointer::ReleasedError) { Plain.new(r, parent: parent, freed_by_parent: true) }; C.free(r)"
    ],
    "a family within left to GC" => "SafePointer.new(NOWHERE, NOTHING, parent: Plain.new(raw), freed_by_parent: true)",
    "a family within freed by the parent" =>
      "a = Plain.new(raw); SafePointer.new(NOWHERE, NOTHING, parent: a, freed_by_parent: true); a.free",
    "a family within freed, children first" => "a = Plain.new(raw); Plain.new(raw, parent: a, freed_by_parent: true).free; a.free",
    "a family within of three" => <<~RUBY,
      a = Plain.new(raw)
      b = SafePointer.new(NOWHERE, NOTHING, parent: a, freed_by_parent: true)
      SafePointer.new(NOWHERE, NOTHING, parent: b, freed_by_parent: true)
      a.free
    RUBY
    "a family within of C functions" => "a = Native.new(raw); Native.new(raw, parent: a, freed_by_parent: true).free; a.free",
    "children within one parent" => ["parent = Plain.new(raw)", "Plain.new(raw, parent: parent, freed_by_parent: true)"],
    "children within one parent that are freed" => [
      "parent = Plain.new(raw)", "Plain.new(raw, parent: parent, freed_by_parent: true).free"
    ],
    "children within one parent that are given up" => [
      "parent = Plain.new(raw)",
      "r = raw; a = Plain.new(r, parent: parent, freed_by_parent: true); a.autorelease = false; C.free(r)"
    ],
    "children within one parent of a queue" => [
      "parent = Plain.new(raw)", "Queued.new(raw, parent: parent, freed_by_parent: true); QUEUE.drain"
    ],
    "children within one parent, not made after all" => [
      "parent = Plain.new(raw); class Unmade < Plain; def initialize(*, **) = super && raise(IOError); end",
      "refused(IOError) { Unmade.new(raw, parent: parent, freed_by_parent: true) }"
    ],
    "children within one parent that are frozen" => [
      "parent = Plain.new(raw); class Frozen < Plain; def initialize(*, **) = freeze && super; end",
      "r = raw; refused(FrozenError) { Frozen.new(r, parent: parent, freed_by_parent: true) }; C.free(r)"
    ],
    "owners within one parent" => [
      "parent = Plain.new(raw)", "SafePointer::Releaser.attach(Owner.new, raw, FREE, parent: parent, freed_by_parent: true)"
    ],

    "a managed struct" => "Pair.new(raw)[:x] = 1",
    "a managed struct that is freed" => "Pair.new(raw).free",
    "a managed struct with a parent" => "a = Pair.new(raw); b = Pair.new(raw, parent: a); a.free; b.free",
    "a managed struct that is read after free" => "a = Pair.new(raw); a.free; refused(FFI::NullPointerError) { a[:x] }",
    "a struct in a pointer" => "Class.new(FFI::Struct) { layout :x, :int }.new(Plain.new(raw))[:x] = 1",

    "Releaser.new and free" => "SafePointer::Releaser.new(raw, FREE).free",
    "Releaser.new and call" => "SafePointer::Releaser.new(raw, FREE).call",
    "Releaser.new and release" => "r = raw; SafePointer::Releaser.new(r, FREE).release(r)",
    "Releaser.new that is dropped" => "r = raw; SafePointer::Releaser.new(r, FREE); C.free(r)",
    "Releaser.new with a parent, that is dropped" => [
      "parent = Plain.new(raw)", "r = raw; SafePointer::Releaser.new(r, FREE, parent: parent); C.free(r)"
    ],
    "Releaser#autorelease" => "a = SafePointer::Releaser.new(raw, FREE); a.autorelease = false; a.autorelease; a.free",
    "a Releaser as a finalizer" => "ObjectSpace.define_finalizer(Object.new, SafePointer::Releaser.new(raw, FREE))",
    "a Releaser's variables" => <<~RUBY,
      releaser = SafePointer::Releaser.new(raw, FREE)
      releaser.instance_variable_get(:@proc).call(releaser.instance_variable_get(:@ptr))
      releaser.instance_variable_set(:@ptr, nil)
    RUBY
    "Releaser.attach" => "SafePointer::Releaser.attach(Owner.new, raw, FREE)",
    "Releaser.attach and free" => "o = Owner.new; o.releaser = SafePointer::Releaser.attach(o, raw, FREE); o.releaser.free",
    "Releaser.attach with a parent" => "SafePointer::Releaser.attach(Owner.new, raw, FREE, parent: Plain.new(raw), size: 8)",
    "a pointer's releaser" => "a = Plain.new(raw); a.instance_variable_get(:@releaser).free",
    "a pointer's releaser, again and again" => ["a = Plain.new(raw)", "a.instance_variable_get(:@releaser)"],
    "a Releaser that is refused" => "refused(TypeError) { SafePointer::Releaser.new(nil, FREE) }",

    "a queue that is drained" => ["queue = SafePointer::ReleaseQueue.new", "queue.drain; queue.stats; queue.size; queue.inspect"],
    "a closed queue" => ["queue = SafePointer::ReleaseQueue.new.tap(&:close)", "Plain.new(raw, release_queue: queue)"],
    "a FinalizationRegistry of a queue" => "SafePointer::FinalizationRegistry.new(queue: QUEUE) { nil }",
    "a FinalizationRegistry" => "SafePointer::FinalizationRegistry.new { nil }.register(Object.new, 1)",
    "FinalizationRegistry#register" => [
      "registry = SafePointer::FinalizationRegistry.new(queue: QUEUE) { nil }", "registry.register(Object.new, 1); QUEUE.drain"
    ],
    "FinalizationRegistry#unregister" => [
      "registry = SafePointer::FinalizationRegistry.new(queue: QUEUE) { nil }",
      "target = Object.new; registry.register(target, 1, target); registry.unregister(target); QUEUE.drain"
    ],
    "a FinalizationRegistry that refuses" => [
      "registry = SafePointer::FinalizationRegistry.new(queue: QUEUE) { nil }",
      "refused(TypeError) { registry.register(1, 2) }; a = Object.new; refused(TypeError) { registry.register(a, a) }"
    ],

    "a subscriber" => "SafePointer.subscribe { nil }.unsubscribe",
    "events of free" => ["SafePointer.subscribe { |event| event.to_h }", "Plain.new(raw).free; Native.new(raw).free"],
    "events of GC" => ["SafePointer.subscribe { |event| event.name }", "Plain.new(raw); Native.new(raw)"],
    "events of families" => [
      "SafePointer.subscribe { |event| event.name }",
      "a = Plain.new(raw); SafePointer.new(NOWHERE, NOTHING, parent: a, freed_by_parent: true); a.free"
    ],
    "events of failures" => ["SafePointer.subscribe { |event| event.name }", "refused(RuntimeError) { Failing.new(raw).free }"],
    "a traced pointer" => ["SafePointer.trace = true", "Plain.new(raw).free; Plain.new(raw); Native.new(raw).free; Native.new(raw)"],
    "tracing on and off" => "SafePointer.trace = true; pointer = Plain.new(raw); SafePointer.trace = false; pointer.free",
    "warnings on and off" => "[true, false].each { |on| SafePointer.warnings[:second_owner] = on; Plain.new(raw) }",
    "the warning of a second owner" => [
      "$VERBOSE = nil; SafePointer.warnings[:second_owner] = true",
      "Plain.new(raw).free; Native.new(raw); r = raw; a = Plain.new(r); b = Plain.new(r); a.detach; b.free"
    ],
    "the warning of GC" => ["$VERBOSE = nil; SafePointer.warnings[:freed_by_gc] = true", "Plain.new(raw); Native.new(raw)"],
    "the warning of a capture" => ["$VERBOSE = nil; SafePointer.warnings[:self_capture] = true", "Plain.new(raw).free"],
    "stats" => "SafePointer.stats",
    # These take a walk over all objects.
    "live" => ["pointer = Plain.new(raw); times = 0", "SafePointer.live if ((times += 1) % 50).zero?"],
    "a report" => [
      "require 'stringio'; pointer = Plain.new(raw); times = 0",
      "SafePointer.report(StringIO.new) if ((times += 1) % 50).zero?"
    ],

    "dup and clone" => ["pointer = Plain.new(raw)", "refused(RuntimeError) { pointer.dup }; refused(RuntimeError) { pointer.clone }"],
    "Marshal.dump" => ["pointer = Plain.new(raw)", "refused(TypeError) { Marshal.dump(pointer) }"],
    "inspect" => "a = Plain.new(raw); a.inspect; a.to_s; a.free; a.inspect; a.released_address",
    "==" => ["a = Plain.new(raw); b = Plain.new(raw)", "a == b; a == nil; a.eql?(b); a.hash; a == a"],
    "reading after free" => ["a = Plain.new(raw).tap(&:free)", "refused(FFI::NullPointerError) { a.read_int }"],
    "a parameter after free" => ["a = Plain.new(raw).tap(&:free)", "refused(SafePointer::ReleasedError) { Plain.to_native(a, nil) }"],
    "a second initialize" => ["a = Plain.new(raw)", "refused(RuntimeError) { a.send(:initialize, NOWHERE) }"],
    "a refused pointer" => "refused(TypeError) { Plain.new(nil) }; refused(ArgumentError) { Plain.new(NOWHERE, size: -1) }",
    "an unknown option" => "refused(ArgumentError) { Plain.new(NOWHERE, sizes: 1) }",
    "a pointer that is refused in its constructor" => [
      "class Refusing < Plain; def initialize(pointer, **options) = super && raise(IOError); end",
      "refused(IOError) { Refusing.new(raw) }"
    ],
    "a declaration made again" => "Plain.fork_policy :release; Own.frees_with :close; Queued.release_queue QUEUE",
    "a replaced AutoPointer" => [
      "require 'safe_pointer/auto_pointer'; class Auto < FFI::AutoPointer; def self.release(raw) = C.free(raw); end",
      "Auto.new(raw); Auto.new(raw).free; FFI::AutoPointer.new(raw, FREE).free; SafePointer.replaced_auto_pointer?"
    ],
    "an AutoPointer that was made before" => [
      "class Auto < FFI::AutoPointer; def self.release(raw) = C.free(raw); end; before = Array.new(3_300) { Auto.new(raw) }; " \
      "require 'safe_pointer/auto_pointer'",
      "before.pop.free"
    ],
    "a fork" => ["times = 0", "Process.wait(fork { exit!(true) }) if ((times += 1) % 50).zero?; Plain.new(raw)"]
  }

  def left_behind(operation, before = "")
    child = run_ruby(Growth.source(operation, before))
    expect(child.status).to be_success, child.inspect
    Growth.left_behind(child)
  end

  # Ruby 4.0.5 with YJIT keeps some 10 bytes of each fiber that is left in a block: `Fiber.new { 1.then { Fiber.yield } }`.
  keeps_fibers = RUBY_VERSION >= "4.0" && defined?(RubyVM::YJIT) && RubyVM::YJIT.enabled?

  operations.each do |what, code|
    it "is nothing: #{what}" do
      skip "Ruby keeps some of a fiber" if keeps_fibers && what.include?("on a fiber that never goes on")

      *before, operation = code
      expect(left_behind(operation, *before)).to be_empty
    end
  end

  # What is kept is found.
  kept = {
    "a string" => ["KEPT << 'a string of 16 b'.dup", [:objects]],
    "a symbol" => ["Object.const_set('GROWN_' + KEPT.push(1).size.to_s, 1)", [:symbols]],
    "memory of C's" => ["C.malloc(16)", [:bytes]],
    # Not each time: on 32 bits there is no room for the stacks.
    "a thread" => ["Thread.new { sleep } if (KEPT << nil).size % 10 == 0", [:threads]],
    "a pointer" => ["KEPT << Plain.new(raw)", %i[live objects bytes]]
  }
  if RUBY_VERSION < "3.2" && Growth::Memory.ruby?
    kept["a WeakMap of Ruby 3.1"] = ["ObjectSpace::WeakMap.new[KEPT] = KEPT", [:bytes]]
  end

  kept.each do |what, (operation, figures)|
    it "is found if it is #{what}" do
      expect(left_behind(operation).keys).to include(*figures)
    end
  end
end
