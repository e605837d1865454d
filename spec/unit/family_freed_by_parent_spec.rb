# frozen_string_literal: true

require_relative "../support/family"

# The release of a parent destroys its children natively: they are released without a call. The memory of those is
# none of the oracle's business any more; it is live for ever.
RSpec.describe SafePointer, "freed by its parent" do
  include Family

  def within(name, parent, **options)
    member(name, parent: parent, freed_by_parent: true, **options)
  end

  # What a pointer is that its parent has destroyed.
  def expect_destroyed(*pointers)
    [nil, :free].product(pointers).each do |asked, pointer|
      pointer.public_send(asked) if asked
      expect([pointer.freed?, pointer.null?, pointer.autorelease?, pointer.parent]).to eq [true, true, false, nil]
      expect(pointer.inspect).to match(/ freed>\z/)
      expect { pointer.read_int }.to raise_error(FFI::NullPointerError)
      expect { pointer.use { nil } }.to raise_error(SafePointer::ReleasedError)
      expect { Handle.to_native(pointer, nil) }.to raise_error(SafePointer::ReleasedError)
    end
  end

  # What is done with a family in which each frees the next, and the log of it: who is released, and what is noted.
  # All but the first are destroyed in the end.
  {
    "is released without a call" => [
      lambda { |parent, _child|
        @members.push(within(:second, parent), within(:third, parent))
        parent.free
      },
      %i[parent]
    ],
    "is released over several generations" => [
      ->(parent, _child, _grandchild, _great_grandchild) { parent.free },
      %i[parent]
    ],
    "is released with a child that was freed first, whose children it takes along" => [
      lambda { |parent, child, grandchild|
        child.free
        expect_destroyed(child, grandchild)
        log << parent.freed?
        parent.free
      },
      [:child, false, :parent]
    ],
    "may be freed first, by itself" => [
      lambda { |parent, child|
        @members << within(:sibling, parent)
        [child, parent].each(&:free)
      },
      %i[child parent]
    ],
    "is NULL even if it is frozen" => [
      ->(parent, child) { child.freeze && parent.free },
      %i[parent]
    ],
    "is destroyed although its autorelease is off" => [
      lambda { |parent, child|
        child.autorelease = false
        parent.free
      },
      %i[parent]
    ],
    "keeps the parent from being released while it is leased" => [
      lambda { |parent, _middle, child|
        child.use do
          parent.free
          log << child.null? << child.use(&:read_int)
        end
      },
      [false, 0, :parent]
    ],
    "is freed before its parent if both were asked for during its lease" => [
      ->(parent, child) { child.use { [parent, child].each(&:free) } },
      %i[child parent]
    ],
    "keeps the parent from being released while it has children of its own" => [
      lambda { |parent, child|
        grandchild = member(:grandchild, parent: child)
        parent.free
        log << :asked
        grandchild.free
      },
      %i[asked grandchild parent]
    ],
    "keeps the parent's release off no longer when its last child is given another parent" => [
      lambda { |parent, child|
        @kept = member(:grandchild, parent: child)
        parent.free
        log << :asked
        @kept.parent = nil
        log << @kept.freed?
      },
      [:asked, :parent, false]
    ],
    "takes no children once the parent is released" => [
      lambda { |parent, child|
        parent.free
        log << (member(:late, parent: child) rescue $!.class)
      },
      [:parent, SafePointer::ReleasedError]
    ]
  }.each do |what, (steps, expected)|
    it what do
      expect(log_of(steps, freed_by_parent: true)).to eq expected
      expect_destroyed(*@members.drop(1))
      expect(log).to eq expected
    end
  end

  it "does not run a free of its own" do
    called = []
    parent = member(:parent)
    type = Class.new(Handle) { define_method(:free) { |*| called << :own_free } }
    child = type.new(Oracle.create, parent: parent, freed_by_parent: true)
    parent.free
    expect_destroyed(child)
    expect([called, child.free(1)]).to eq [[], nil]
  end

  it "is destroyed although the release of the parent raises" do
    parent = SafePointer.new(Oracle.create, ->(_) { raise IOError, "busy" })
    child = within(:child, parent)
    expect { parent.free }.to raise_error(IOError)
    expect_destroyed(child)
  end

  it "keeps its address in the parent's release, which may look at it" do
    child = nil
    parent = SafePointer.new(Oracle.create) do |raw|
      log << child.null? << child.free
      Oracle.free(raw)
    end
    child = within(:child, parent)
    parent.free
    expect(log).to eq [false, nil]
    expect_destroyed(child)
  end

  it "is NULL when it is freed in the midst of the parent's release" do
    child = nil
    parent = SafePointer.new(Oracle.create) do |raw|
      Oracle.free(raw)
      child.free
      log << [child.freed?, child.null?]
    end
    child = within(:child, parent)
    parent.free
    expect(log).to eq [[true, true]]
    expect_destroyed(child)
  end

  it "stays what it is if it was detached" do
    steps = lambda do |parent, child|
      child.detach
      parent.free
      log << [child.null?, child.detached?, child.freed?]
    end
    expect(log_of(steps, freed_by_parent: true)).to eq [:parent, [false, true, false]]
  end

  it "is an option of a releaser and a ManagedStruct" do
    type = Class.new(SafePointer::ManagedStruct) do
      layout :x, :int
      def self.release(raw) = raise("never called for #{raw}")
    end
    parent = member(:parent)
    struct = type.new(Oracle.create, parent: parent, freed_by_parent: true)
    releaser = SafePointer::Releaser.new(Oracle.create, logged(:releaser), parent: parent, freed_by_parent: true)
    parent.free
    releaser.free
    expect([*log, struct.freed?, struct.null?]).to eq [:parent, true, true]
  end
end
