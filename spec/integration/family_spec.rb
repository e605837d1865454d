# frozen_string_literal: true

require_relative "../support/endings"

# Who is released in which order, whoever asks for it, and however the members were made.
RSpec.describe "a family of pointers" do
  include Endings

  Endings::ALL.each do |how, ending|
    %i[a b c].permutation.each do |order|
      it "is released from the children up #{how}, made in the order #{order.join}" do
        log = in_child do |events|
          let_go(ending) do
            made = order.to_h { |name| [name, events.pointer(name)] }
            made[:b].parent = made[:a]
            made[:c].parent = made[:b]
            made.values
          end
        end
        expect(log).to eq released(:c, :b, :a)
      end
    end

    # Which of the two comes first is open at GC and at exit: a child that does is released itself.
    [%i[parent child root], %i[parent root child], %i[root parent child]].each do |order|
      it "is released once #{how} where a parent frees its child, made in the order #{order.join(", ")}" do
        log = in_child do |events|
          let_go(ending) do
            made = {}
            order.each do |name|
              options = name == :child ? {parent: made[:parent], freed_by_parent: true} : {}
              made[name] = events.pointer(name, **options)
            end
            made[:parent].parent = made[:root]
            made.values
          end
        end
        expect(log).to eq(released(:parent, :root)).or eq(released(:child, :parent, :root))
      end
    end

    it "has its parent's own free run at most once #{how}, and its memory released once" do
      log = in_child do |events|
        type = Class.new(Handle) do
          def free
            Events.current << :own_free
            super
          end
        end
        let_go(ending) do
          parent = type.new(events.raw(:parent))
          [parent, events.pointer(:child, parent: parent)]
        end
      end
      expect(log).to eq [[:released, :child], *(:own_free unless ending.is_a?(Symbol)), [:released, :parent]]
    end

    # Owners that are no pointers.
    it "with owners of releasers is released from the children up #{how}" do
      log = in_child do |events|
        owner = Class.new do
          attr_reader :releaser

          def initialize(raw, **options)
            @releaser = SafePointer::Releaser.attach(self, raw, Oracle.method(:free), **options)
          end
        end
        let_go(ending) do
          context = owner.new(events.raw(:context))
          device = owner.new(events.raw(:device), parent: context.releaser)
          handle = events.pointer(:handle, parent: device.releaser)
          @owners = [context, device] unless ending == :gc
          [context.releaser, device.releaser, handle]
        end
      end
      expect(log).to eq released(:handle, :device, :context)
    end
  end

  describe "where autorelease is off" do
    # Makes the members in the order of the names, makes the second one that is given the child of the first, and so on.
    def make(events, order, line)
      made = order.to_h { |name| [name, events.pointer(name)] }
      line.each_cons(2) { |parent, child| made.fetch(child).parent = made.fetch(parent) }
      made
    end

    Endings::BY_RUBY.each do |how, ending|
      %i[parent child].permutation.each do |order|
        it "gives up the child #{how}, and releases the parent (#{order.join(", ")})" do
          log = in_child do |events|
            let_go(ending) do
              made = make(events, order, %i[parent child])
              made[:child].autorelease = false
              made.values
            end
          end
          expect(log).to eq released(:parent)
        end

        it "gives up the parent #{how}, and releases the child and who the parent was to be released before " \
           "(#{order.join(", ")})" do
          log = in_child do |events|
            let_go(ending) do
              made = make(events, [*order, :root], %i[root parent child])
              made[:parent].autorelease = false
              made.values
            end
          end
          expect(log).to eq released(:child, :root)
        end
      end

      {
        "releases a parent #{how} that was freed, although it is off" => [
          lambda { |parent, _|
            parent.autorelease = false
            parent.free
          },
          %i[child parent]
        ],
        "leaves a detached child alone #{how}" => [->(_, child) { child.detach }, %i[parent]]
      }.each do |what, (change, names)|
        it what do
          log = in_child do |events|
            let_go(ending) do
              family = make(events, %i[parent child], %i[parent child]).values
              change.call(*family)
              family
            end
          end
          expect(log).to eq released(*names)
        end
      end
    end
  end

  describe "with errors nobody called for" do
    # Made here, so that it closes over no pointer.
    def refusal(message) = ->(_) { raise IOError, message }

    Endings::BY_RUBY.each do |how, ending|
      it "reports each once, and releases all #{how}" do
        log = in_child do |events|
          SafePointer.on_release_error { |error, info| events << [error.message, info[:trigger]] }
          let_go(ending) do
            parent = SafePointer.new(events.raw, refusal("parent"))
            child = SafePointer.new(events.raw, refusal("child"), parent: parent)
            [parent, child, events.pointer(:other)]
          end
        end
        expect(log).to contain_exactly(["child", ending], ["parent", ending], [:released, :other])
      end
    end

    it "says in its warning that the release came after the last child" do
      child = fork_child do |events|
        parent = Handle.new(raw = events.raw, refusal("busy"))
        events << raw.address
        child = events.pointer(parent: parent)
        parent.free
        child.free
      end
      place = "address=#{Address.print(child.events.first)}"
      expect(child.stderr).to match(
        /\Asafe_pointer: release of Handle #{place} by a block at \S+ after its last child raised IOError: busy \(.*\)\n\z/
      )
    end
  end

  it "is one in FFI::AutoPointer and FFI::ManagedStruct too, where they are replaced" do
    child = run_ruby(<<~RUBY)
      require "safe_pointer/auto_pointer"

      class Part < FFI::ManagedStruct
        layout :x, :int
        def self.release(raw) = Oracle.free(raw)
      end

      whole = FFI::AutoPointer.new(events.raw(:whole), Oracle.method(:free))
      part = Part.new(events.raw(:part))
      part.pointer.parent = whole
      piece = FFI::AutoPointer.new(events.raw(:piece), Oracle.method(:free), parent: part)
      within = FFI::AutoPointer.new(events.raw(:within), Oracle.method(:free), parent: piece, freed_by_parent: true)
      [whole, part.pointer, piece].each(&:free)
      events << [whole, part.pointer, piece, within].map { |pointer| [pointer.freed?, pointer.null?] }
    RUBY
    expect(child.stderr).to be_empty
    expect(child.events).to eq [*released(:piece, :part, :whole), [[true, true]] * 4]
  end
end
