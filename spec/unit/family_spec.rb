# frozen_string_literal: true

# These releases are logged by name as they come; the oracle counts them, too.
RSpec.describe SafePointer, "in a family" do
  # No `let`: a release may come at GC, on any thread.
  def released = @released ||= []

  def logged(name)
    lambda do |raw|
      released << name
      Oracle.free(raw)
    end
  end

  def member(name, **options)
    SafePointer.new(Oracle.create, logged(name), **options)
  end

  describe "#parent" do
    it "is nil at first" do
      expect(member(:alone).parent).to be_nil
    end

    it "is nil of a pointer that was never initialized" do
      expect(Handle.allocate.parent).to be_nil
    end

    struct_type = Class.new(SafePointer::ManagedStruct) do
      layout :x, :int
      def self.release(raw) = Oracle.free(raw)
    end
    plain_type = Class.new(FFI::Struct) { layout :x, :int }

    parents = {
      "a pointer" => -> { Handle.new(Oracle.create) },
      "a frozen pointer" => -> { Handle.new(Oracle.create).freeze },
      "a NULL pointer" => -> { Handle.new(FFI::Pointer::NULL) },
      "a ManagedStruct" => -> { struct_type.new(Oracle.create) },
      "a struct on a pointer" => -> { plain_type.new(Handle.new(Oracle.create)) },
      "a releaser" => -> { SafePointer::Releaser.new(Oracle.create, Oracle.method(:free)) }
    }

    parents.each do |what, make|
      it "is the very object that was given: #{what}" do
        parent = make.call
        children = [
          member(:child, parent: parent),
          member(:within, parent: parent, freed_by_parent: true),
          member(:later).tap { |child| child.parent = parent }
        ]
        expect(children.map(&:parent)).to all(equal(parent))
      end
    end

    parents.except("a releaser", "a NULL pointer").each do |what, make|
      it "is not released before its child: #{what}" do
        parent = make.call
        child = member(:child, parent: parent)
        memory = parent.is_a?(FFI::Struct) ? parent.pointer : parent
        memory.free
        expect(memory).not_to be_freed
        child.free
        expect(memory).to be_freed
      end
    end

    it "is not released before its child: a releaser" do
      parent = SafePointer::Releaser.new(Oracle.create, logged(:parent))
      child = SafePointer::Releaser.new(Oracle.create, logged(:child), parent: parent)
      [parent, child].each(&:free)
      expect(released).to eq %i[child parent]
    end

    it "does not wait if it is NULL" do
      parent = Handle.new(FFI::Pointer::NULL)
      child = member(:child, parent: parent)
      parent.free
      expect([parent.freed?, child.freed?]).to eq [true, false]
      child.free
      expect(released).to eq [:child]
    end

    it "is nil once the child is released" do
      child = member(:child, parent: member(:parent))
      child.free
      expect(child.parent).to be_nil
    end

    it "is nil once the parent has released the child" do
      parent = member(:parent)
      child = member(:child, parent: parent, freed_by_parent: true)
      parent.free
      expect(child.parent).to be_nil
    end

    it "is what parent= was given last" do
      child = member(:child, parent: member(:first))
      second = member(:second)
      child.parent = second
      expect(child.parent).to equal(second)
      child.parent = nil
      expect(child.parent).to be_nil
    end

    it "may be nil from the start" do
      expect(member(:child, parent: nil).parent).to be_nil
    end

    it "is an option of a ManagedStruct" do
      parent = member(:parent)
      struct = struct_type.new(Oracle.create, parent: parent)
      expect(struct.pointer.parent).to equal(parent)
      parent.free
      expect(released).to be_empty
      struct.free
      expect(released).to eq [:parent]
    end

    it "is an option of open, whose child is released first" do
      parent = member(:parent)
      SafePointer.open(Oracle.create, logged(:child), parent: parent) { parent.free }
      expect(released).to eq %i[child parent]
    end
  end

  it "gets what a C function returned" do
    type = Class.new(Handle)
    functions = Module.new do
      extend FFI::Library
      ffi_lib Oracle.build
      attach_function :create, :oracle_new, [:size_t, :string], type
    end
    parent = member(:parent)
    child = functions.create(16, nil).tap { |pointer| pointer.parent = parent }
    parent.free
    expect([parent.freed?, child.freed?]).to eq [false, false]
    child.free
    expect([parent.freed?, child.freed?]).to eq [true, true]
  end

  describe "freed in any order" do
    # a, which has b and e; b, which has c and d.
    tree = {a: nil, b: :a, c: :b, d: :b, e: :a}
    descendants = ->(name) { tree.select { |_, parent| parent == name }.keys.flat_map { |n| [n, *descendants[n]] } }

    tree.keys.permutation.each_slice(24) do |orders|
      it "is released as soon as that may be, from the children up: #{orders.first.join} to #{orders.last.join}" do
        orders.each do |order|
          released.clear
          members = tree.each_with_object({}) { |(name, parent), all| all[name] = member(name, parent: all[parent]) }
          order.each_with_index do |name, i|
            expect(members.fetch(name).free).to be_nil
            asked = order.take(i + 1)
            due = asked.select { |one| (descendants[one] - asked).empty? }
            expect(released).to match_array(due), "#{order}: after #{name}"
            expect(members.select { |_, one| one.freed? }.keys).to match_array(due)
            expect(members.select { |_, one| one.null? }.keys).to match_array(due)
          end
          tree.each { |name, parent| expect(released.index(name)).to be < released.index(parent) if parent }
        end
      end
    end

    it "waits for the last of many children" do
      parent = member(:parent)
      children = Array.new(100) { |i| member(i, parent: parent) }
      parent.free
      children.shuffle(random: Random.new(1)).each(&:free)
      expect(released).to match [*Array.new(100) { be_an(Integer) }, :parent]
    end

    it "runs up through all that wait" do
      line = (1..9).inject([member(0)]) { |members, i| [*members, member(i, parent: members.last)] }
      line.each(&:free)
      expect(released).to eq 9.downto(0).to_a
    end
  end

  describe "a parent whose release waits" do
    it "is what it was, and may be used" do
      parent = member(:parent)
      child = member(:child, parent: parent)
      parent.free
      expect([parent.freed?, parent.null?, parent.autorelease?]).to eq [false, false, true]
      expect(parent.use(&:read_int)).to be_zero
      parent.write_int(42)
      child.free
      expect([parent.freed?, parent.null?, parent.autorelease?]).to eq [true, true, false]
    end

    it "is released once, however often it is asked for" do
      parent = member(:parent)
      child = member(:child, parent: parent)
      3.times { parent.free }
      child.free
      3.times { parent.free }
      expect(released).to eq %i[child parent]
    end

    it "waits for its leases too, whichever end first" do
      parent = member(:parent)
      child = member(:child, parent: parent)
      parent.use do
        parent.free
        child.free
        expect(released).to eq [:child]
      end
      expect(released).to eq %i[child parent]
    end

    it "waits for a child's lease" do
      parent = member(:parent)
      child = member(:child, parent: parent)
      child.use do
        parent.free
        child.free
        expect(released).to be_empty
      end
      expect(released).to eq %i[child parent]
    end

    {
      "detached" => :detach.to_proc,
      "given another parent" => ->(child) { child.parent = SafePointer.new(Oracle.create, Oracle.method(:free)) },
      "given no parent" => ->(child) { child.parent = nil }
    }.each do |what, part|
      it "is released when its child is #{what}" do
        parent = member(:parent)
        child = member(:child, parent: parent)
        parent.free
        part.call(child)
        expect(released).to eq [:parent]
        expect([parent.freed?, child.freed?]).to eq [true, false]
      end
    end

    it "cannot be detached any more" do
      parent = member(:parent)
      @child = member(:child, parent: parent)
      parent.free
      expect { parent.detach }.to raise_error(SafePointer::ReleasedError)
    end

    it "waits for the children of a child that is detached" do
      parent = member(:parent)
      child = member(:child, parent: parent)
      grandchild = member(:grandchild, parent: child)
      child.detach
      parent.free
      expect(released).to be_empty
      grandchild.free
      expect(released).to eq %i[grandchild parent]
    end

    it "does not wait for a child whose autorelease is off, but for its free" do
      parent = member(:parent)
      child = member(:child, parent: parent)
      child.autorelease = false
      parent.free
      expect(released).to be_empty
      child.free
      expect(released).to eq %i[child parent]
    end

    it "does not wait for NULL" do
      parent = member(:parent)
      Handle.new(FFI::Pointer::NULL, parent: parent)
      parent.free
      expect(released).to eq [:parent]
    end

    it "is not waited for any more when it is detached before: it is nobody's then" do
      parent = member(:parent)
      child = member(:child, parent: parent)
      parent.detach
      child.free
      parent.free
      expect(released).to eq [:child]
    end

    it "runs a free of its own once when its turn comes, with the arguments it was given first" do
      given = []
      type = Class.new(Handle) do
        define_method(:free) do |*arguments, **keywords, &block|
          given << [arguments, keywords, block&.call]
          super()
        end
      end
      parent = type.new(Oracle.create)
      child = member(:child, parent: parent)
      results = [parent.free(1, key: 2) { :block }, parent.free(:again)]
      expect([results, given]).to eq [[nil, nil], []]
      child.free
      parent.free
      expect([given, parent.freed?, parent.null?]).to eq [[[[1], {key: 2}, :block]], true, true]
    end

    it "runs the name it was asked by" do
      called = []
      type = Class.new(Handle) do
        frees_with :close
        define_method(:free) { called << :free }
        define_method(:close) { called << :close }
      end
      parent = type.new(Oracle.create)
      child = member(:child, parent: parent)
      parent.close
      parent.free
      child.free
      expect(called).to eq [:close]
    end
  end

  describe "a child" do
    it "may free its parent in its release" do
      parent = member(:parent)
      child = SafePointer.new(Oracle.create, parent: parent) do |raw|
        parent.free
        released << :child << parent.freed?
        Oracle.free(raw)
      end
      child.free
      expect(released).to eq [:child, false, :parent]
    end

    it "may be freed in its parent's own free, which waits for nothing then" do
      type = Class.new(Handle) do
        attr_accessor :child

        def free
          child.free
          super
        end
      end
      parent = type.new(Oracle.create)
      parent.child = member(:child)
      parent.free
      expect([released, parent.freed?]).to eq [[:child], true]
    end

    it "does not wait for its parent, however that is held" do
      parent = member(:parent)
      child = member(:child, parent: parent)
      parent.use { child.free }
      expect([released, parent.freed?]).to eq [[:child], false]
    end
  end

  describe "#parent=" do
    it "moves the child: the old parent does not wait, the new one does" do
      first = member(:first)
      second = member(:second)
      child = member(:child, parent: first)
      child.parent = second
      [first, second].each(&:free)
      expect(released).to eq [:first]
      child.free
      expect(released).to eq %i[first child second]
    end

    it "takes the same parent again" do
      parent = member(:parent)
      child = member(:child, parent: parent)
      3.times { child.parent = parent }
      parent.free
      expect(released).to be_empty
      child.free
      expect(released).to eq %i[child parent]
    end

    it "takes the children of the child along" do
      parent = member(:parent)
      child = member(:child)
      grandchild = member(:grandchild, parent: child)
      child.parent = parent
      [parent, child].each(&:free)
      expect(released).to be_empty
      grandchild.free
      expect(released).to eq %i[grandchild child parent]
    end

    it "may turn a family upside down, one by one" do
      first = member(:first)
      second = member(:second, parent: first)
      second.parent = nil
      first.parent = second
      [second, first].each(&:free)
      expect(released).to eq %i[first second]
    end
  end

  describe "freed by its parent" do
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

    # The destroyed ones' memory is none of the oracle's business any more: it is live for ever.
    it "is released without a call" do
      parent = member(:parent)
      children = Array.new(3) { |i| within(i, parent) }
      parent.free
      expect(released).to eq [:parent]
      expect_destroyed(*children)
    end

    it "is released over several generations" do
      parent = member(:parent)
      child = within(:child, parent)
      grandchild = within(:grandchild, child)
      great_grandchild = within(:great_grandchild, grandchild)
      parent.free
      expect(released).to eq [:parent]
      expect_destroyed(child, grandchild, great_grandchild)
    end

    it "is released with a child that was freed first, whose children it takes along" do
      parent = member(:parent)
      child = within(:child, parent)
      grandchild = within(:grandchild, child)
      child.free
      expect_destroyed(child, grandchild)
      expect([released, parent.freed?]).to eq [[:child], false]
      parent.free
      expect(released).to eq %i[child parent]
    end

    it "may be freed first, by itself" do
      parent = member(:parent)
      child = within(:child, parent)
      sibling = within(:sibling, parent)
      child.free
      parent.free
      expect(released).to eq %i[child parent]
      expect_destroyed(child, sibling)
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

    it "is NULL even if it is frozen" do
      parent = member(:parent)
      child = within(:child, parent).freeze
      parent.free
      expect_destroyed(child)
    end

    it "is destroyed although its autorelease is off" do
      parent = member(:parent)
      child = within(:child, parent)
      child.autorelease = false
      parent.free
      expect_destroyed(child)
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
        released << child.null? << child.free
        Oracle.free(raw)
      end
      child = within(:child, parent)
      parent.free
      expect(released).to eq [false, nil]
      expect_destroyed(child)
    end

    it "stays what it is if it was detached" do
      parent = member(:parent)
      child = within(:child, parent)
      child.detach
      parent.free
      expect([child.null?, child.detached?]).to eq [false, true]
    end

    it "is not freed with its parent if it was detached" do
      parent = member(:parent)
      child = within(:child, parent)
      child.detach
      parent.free
      expect(child).not_to be_freed
    end

    it "keeps the parent from being released while it is leased" do
      parent = member(:parent)
      child = within(:child, within(:middle, parent))
      child.use do
        parent.free
        expect(released).to be_empty
        expect([child.null?, child.use(&:read_int)]).to eq [false, 0]
      end
      expect(released).to eq [:parent]
      expect_destroyed(child)
    end

    it "is freed before its parent if both were asked for during its lease" do
      parent = member(:parent)
      child = within(:child, parent)
      child.use { [parent, child].each(&:free) }
      expect(released).to eq %i[child parent]
    end

    it "keeps the parent from being released while it has children of its own" do
      parent = member(:parent)
      child = within(:child, parent)
      grandchild = member(:grandchild, parent: child)
      parent.free
      expect(released).to be_empty
      grandchild.free
      expect(released).to eq %i[grandchild parent]
      expect_destroyed(child)
    end

    it "keeps the parent's release off no longer when its last child is given another parent" do
      parent = member(:parent)
      child = within(:child, parent)
      grandchild = member(:grandchild, parent: child)
      parent.free
      grandchild.parent = nil
      expect(released).to eq [:parent]
      expect_destroyed(child)
      expect(grandchild).not_to be_freed
    end

    it "takes no children once the parent is released" do
      parent = member(:parent)
      child = within(:child, parent)
      parent.free
      expect { member(:late, parent: child) }.to raise_error(SafePointer::ReleasedError)
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
      expect([released, struct.freed?, struct.null?]).to eq [[:parent], true, true]
    end
  end

  describe "with errors" do
    def reports = @reports ||= []

    around do |example|
      SafePointer.on_release_error { |error, info| reports << [error.message, info[:trigger]] }
      example.run
    ensure
      SafePointer.on_release_error
    end

    def faulty(name, **options)
      SafePointer.new(Oracle.create, ->(_) { raise IOError, name.to_s }, **options)
    end

    it "raises the child's to its caller, and releases the parent all the same" do
      parent = member(:parent)
      child = faulty(:child, parent: parent)
      parent.free
      expect { child.free }.to raise_error(IOError, "child")
      expect([released, parent.freed?, child.freed?, reports]).to eq [[:parent], true, true, []]
    end

    it "reports the parent's once, with :child, and raises nothing to the child's caller" do
      parent = faulty(:parent)
      child = member(:child, parent: parent)
      parent.free
      expect(child.free).to be_nil
      parent.free
      expect([reports, parent.freed?, parent.null?]).to eq [[["parent", :child]], true, true]
    end

    it "reports those of all generations" do
      line = (1..3).inject([faulty(0)]) { |members, i| [*members, faulty(i, parent: members.last)] }
      line.take(3).each(&:free)
      expect { line.last.free }.to raise_error(IOError, "3")
      expect(reports).to eq [["2", :child], ["1", :child], ["0", :child]]
      expect(line).to all(be_freed)
    end

    it "raises the parent's to its caller where there is nothing to wait for" do
      parent = faulty(:parent)
      member(:child, parent: parent).free
      expect { parent.free }.to raise_error(IOError, "parent")
      expect(reports).to be_empty
    end

    it "reports the parent's when the child is detached or given another parent" do
      [:detach.to_proc, ->(child) { child.parent = nil }].each do |part|
        parent = faulty(:parent)
        child = member(:child, parent: parent)
        parent.free
        part.call(child)
        expect(parent).to be_freed
      end
      expect(reports).to eq [["parent", :child]] * 2
    end

    it "lets a throw of the parent's release go on its way, after all that are due" do
      root = member(:root)
      parent = SafePointer.new(Oracle.create, ->(_) { throw :out, :thrown }, parent: root)
      child = member(:child, parent: parent)
      [root, parent].each(&:free)
      expect(catch(:out) { child.free }).to be :thrown
      expect([released, [root, parent, child].map(&:freed?)]).to eq [%i[child root], [true] * 3]
    end
  end

  describe "refuses" do
    parent_error = "Handle.new: parent must be a SafePointer, a struct of one or a SafePointer::Releaser, not %s"

    {
      "an Integer" => -> { 42 },
      "a huge Integer" => -> { 2**70 },
      "a Float" => -> { 1.5 },
      "a Symbol" => -> { :parent },
      "true" => -> { true },
      "a String" => -> { "parent" },
      "an Object" => -> { Object.new },
      "a class" => -> { Handle },
      "an FFI::Pointer" => -> { FFI::Pointer.new(8) },
      "an FFI::MemoryPointer" => -> { FFI::MemoryPointer.new(8) },
      "an FFI::AutoPointer" => -> { FFI::AutoPointer.new(Oracle.create, Oracle.method(:free)) },
      "a struct on other memory" => -> { Class.new(FFI::Struct) { layout :x, :int }.new },
      "a struct that was never initialized" => -> { FFI::Struct.allocate },
      "a pointer that was never initialized" => -> { Handle.allocate }
    }.each do |what, make|
      it "#{what} as a parent" do
        value = make.call
        error = [TypeError, format(parent_error, value.inspect)]
        expect { Handle.new(Oracle.create, parent: value) }.to raise_error(*error)
        expect { Handle.new(Oracle.create).parent = value }
          .to raise_error(TypeError, error.last.sub("Handle.new", "Handle#parent="))
        expect { SafePointer::Releaser.new(Oracle.create, Oracle.method(:free), parent: value) }
          .to raise_error(TypeError, error.last.sub("Handle.new", "SafePointer::Releaser.new"))
      end
    end

    it "a BasicObject as a parent" do
      expect { Handle.new(Oracle.create, parent: BasicObject.new) }.to raise_error(TypeError, /BasicObject/)
    end

    {
      "that is released" => ->(parent) { parent.free },
      "that is detached" => ->(parent) { parent.detach },
      "whose release waits for a child" => ->(parent) { Handle.new(Oracle.create, parent: parent).tap { parent.free } },
      "whose parent has released it" => lambda { |parent|
        parent.parent.free
      }
    }.each do |what, prepare|
      it "a parent #{what}" do
        parent = Handle.new(Oracle.create, parent: member(:root), freed_by_parent: true)
        @child = prepare.call(parent)
        message = /: the parent #{Regexp.escape(parent.inspect)} is released\z/
        [false, true].each do |within|
          expect { Handle.new(Oracle.create, parent: parent, freed_by_parent: within) }
            .to raise_error(SafePointer::ReleasedError, /\AHandle.new#{message}/)
        end
        expect { Handle.new(Oracle.create).parent = parent }
          .to raise_error(SafePointer::ReleasedError, /\AHandle#parent=#{message}/)
      end
    end

    it "a parent in whose release it is called" do
      refused = nil
      parent = SafePointer.new(Oracle.create) do |raw|
        refused = (Handle.new(Oracle.create, parent: parent) rescue $!.class)
        Oracle.free(raw)
      end
      parent.free
      expect(refused).to be SafePointer::ReleasedError
    end

    it "cycles, and leaves the family as it is" do
      first = member(:first)
      second = member(:second, parent: first)
      third = member(:third, parent: second)
      [first, second, third].each do |descendant|
        expect { first.parent = descendant }.to raise_error(
          ArgumentError,
          "SafePointer#parent=: #{descendant.inspect} cannot be the parent, as it is or descends from the child"
        )
      end
      expect([first, second, third].map(&:parent)).to eq [nil, first, second]
      [first, second, third].each(&:free)
      expect(released).to eq %i[third second first]
    end

    it "cycles through those that are freed by their parent" do
      first = member(:first)
      second = member(:second, parent: first, freed_by_parent: true)
      expect { first.parent = second }.to raise_error(ArgumentError, /descends from the child/)
      first.free
      expect(second).to be_freed
    end

    it "freed_by_parent without a parent" do
      expect { Handle.new(Oracle.create, freed_by_parent: true) }
        .to raise_error(ArgumentError, "Handle.new: freed_by_parent without a parent")
      expect { Handle.new(Oracle.create, freed_by_parent: true, parent: nil) }
        .to raise_error(ArgumentError, "Handle.new: freed_by_parent without a parent")
    end

    it "another parent for a pointer that is freed by its own" do
      child = Handle.new(Oracle.create, parent: member(:parent), freed_by_parent: true)
      [nil, member(:other)].each do |parent|
        expect { child.parent = parent }
          .to raise_error(RuntimeError, "Handle#parent=: #{child.inspect} is freed by its parent")
      end
    end

    {
      "a frozen pointer" => [:freeze.to_proc, FrozenError, /can't modify frozen Handle/],
      "a released pointer" => [:free.to_proc, SafePointer::ReleasedError, /\AHandle#parent=: .* freed> owns no/],
      "a detached pointer" => [:detach.to_proc, SafePointer::ReleasedError, /\AHandle#parent=: .* owns no pointer/]
    }.each do |what, (prepare, *error)|
      it "a parent for #{what}, and that one is released without it" do
        parent = member(:parent)
        child = Handle.new(Oracle.create).tap(&prepare)
        expect { child.parent = parent }.to raise_error(*error)
        parent.free
        expect(released).to eq [:parent]
      end
    end

    it "a parent for a pointer that was never initialized" do
      expect { Handle.allocate.parent = member(:parent) }
        .to raise_error(RuntimeError, "Handle#parent=: not initialized")
    end

    it "an unknown option" do
      expect { Handle.new(Oracle.create, parents: member(:parent)) }.to raise_error(ArgumentError, /:parents/)
    end
  end

  # Nobody will ever release what came to nothing, so nobody may wait for it.
  describe "is not held by a construction that fails" do
    {
      "for want of a release" => ->(parent) { SafePointer.new(Oracle.create, parent: parent) },
      "for a callable that is none" => ->(parent) { SafePointer.new(Oracle.create, 42, parent: parent) },
      "for a pointer that is none" => ->(parent) { Handle.new(42, parent: parent) },
      "for its size" => ->(parent) { Handle.new(Oracle.create, parent: parent, size: -1) },
      "for its fork policy" => ->(parent) { Handle.new(Oracle.create, parent: parent, fork_policy: :none) },
      "for it is frozen" => lambda { |parent|
        Handle.allocate.freeze.__send__(:initialize, Oracle.create, parent: parent)
      },
      "for it is initialized twice" => lambda { |parent|
        Handle.new(Oracle.create).__send__(:initialize, Oracle.create, parent: parent)
      },
      "for the owner of a releaser, which Ruby allows no finalizer" => lambda { |parent|
        SafePointer::Releaser.attach(42, Oracle.create, Oracle.method(:free), parent: parent)
      },
      "for the owner of a releaser, which is frozen" => lambda { |parent|
        SafePointer::Releaser.attach(Object.new.freeze, Oracle.create, Oracle.method(:free), parent: parent)
      }
    }.each do |why, construct|
      it why do
        parent = member(:parent)
        expect { construct.call(parent) }.to raise_error(StandardError)
        parent.free
        expect(released).to eq [:parent]
      end
    end
  end
end
