# frozen_string_literal: true

require_relative "../support/interleavings"
require_relative "../support/native_handle"

# While one thread makes a pointer, at each moment at which Ruby may let it, another one that has got hold of the pointer
# does something to it: ObjectSpace tells of it, and so may methods of its class.
RSpec.describe "while a pointer is made", :every_moment do
  # What a pointer is made of: its class, and what else is given to `new`.
  kinds = {
    "with a release of its class" => -> { [Handle] },
    "with a callable" => -> { [SafePointer, Oracle.method(:free)] },
    "with a size" => -> { [Handle, { size: 16 }] },
    "with a C function" => -> { [NativeHandle] },
    "with a C function, and a size" => -> { [NativeHandle, { size: 16 }] }
  }
  # Who else takes part, with the kinds that have least in common.
  others = {
    ", traced" => -> { SafePointer.trace = true },
    ", watched" => -> { SafePointer.subscribe { |event| event } && SafePointer.warnings[:second_owner] = true },
    ", by methods put before ffi's" => lambda {
      FFI::Pointer.prepend(Module.new { def initialize(*) = super })
    }
  }
  deeds = {
    "freed" => ->(pointer) { pointer.free },
    "used" => ->(pointer) { pointer.use { |raw| raw.address } },
    "frozen" => ->(pointer) { pointer.freeze },
    "given a child" => ->(pointer) { Handle.new(FFI::Pointer::NULL, parent: pointer) },
    "given a parent" => ->(pointer) { pointer.parent = Handle.new(FFI::Pointer::NULL) },
    "given a size" => ->(pointer) { pointer.size = 8 },
    "kept from GC, and left to it again" => ->(pointer) { [false, true].each { |on| pointer.autorelease = on } },
    "asked for @releaser" => ->(pointer) { pointer.instance_variable_get(:@releaser) },
    "listed" => ->(_) { SafePointer.live }
  }

  # What the other thread does, if it is not too early or too late for that.
  def attempt(deed, pointer)
    deed.call(pointer)
  rescue RuntimeError, TypeError
    nil
  end

  # Makes `pointer` of a new raw pointer, which stays the program's if that is refused.
  def make(pointer, arguments)
    raw = Events.current.raw
    options = arguments.last.is_a?(Hash) ? arguments.last : {}
    pointer.__send__(:initialize, raw, *arguments.grep_v(Hash), **options)
    :made
  rescue RuntimeError => error
    Oracle.free(raw)
    error.class
  end

  # Has the block called for each moment, on a stack of its own; first for pointers that are freed, then for those that are
  # left to GC.
  def each_moment(prepare)
    in_child do |events|
      figures = -> { [Oracle.live, *SafePointer.stats.values_at(:live, :detached, :errors)] }
      # What earlier examples have left behind is no business of this one.
      full_gc
      before = figures.call
      there = pointers
      prepare.call
      [true, false].each do |by_hand|
        Interleavings.each_moment { |moment| out_of_reach { yield moment, by_hand, events } }
      end
      # What a word on a stack has kept is found when that has been overwritten.
      5.times { full_gc if figures.call != before }
      live, counted, *others = figures.call.zip(before).map { |now, once| now - once }
      kept = live.clamp(0, (pointers - there).clamp(0, 2))
      events << [live - kept, counted - kept, *others]
    end - [:released]
  end

  # How many are there that are not freed. A word in a frame below may keep one or two for as long as that frame is there;
  # those that the library kept would be one for every moment, and what leaks has no pointer any more.
  def pointers
    ObjectSpace.each_object(SafePointer).count { |pointer| !pointer.null? }
  end

  watched = kinds.slice("with a release of its class", "with a C function").to_a.product(others.to_a)
  [*kinds.map { |kind| [kind, ["", -> {}]] }, *watched].each do |(kind, arguments), (other, prepare)|
    context "#{kind}#{other}" do
      it "another one is not made of the same object" do
        log = each_moment(prepare) do |moment, by_hand, events|
          type, *rest = arguments.call
          pointer = type.allocate
          second = nil
          first = moment.during(-> { make(pointer, rest) }) { second = make(pointer, rest) }
          second ||= make(pointer, rest)
          events << [first, second].sort_by(&:to_s)
          pointer.free if by_hand
        end
        expect(log.uniq).to eq [[RuntimeError, :made], [0, 0, 0, 0]]
      end

      deeds.each do |deed, other_deed|
        it "it is #{deed}, and released once" do
          log = each_moment(prepare) do |moment, by_hand, events|
            type, *rest = arguments.call
            pointer = type.allocate
            made = moment.during(-> { make(pointer, rest) }) { attempt(other_deed, pointer) }
            pointer.free if by_hand
            events << pointer.inspect if by_hand && made == :made && !(pointer.freed? && pointer.null?)
          end
          expect(log).to eq [[0, 0, 0, 0]]
        end
      end
    end
  end
end
