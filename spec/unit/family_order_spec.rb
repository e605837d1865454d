# frozen_string_literal: true

require_relative "../support/family"

# Who waits for whom, and until when.
RSpec.describe SafePointer, "in a family" do
  include Family

  describe "freed in any order" do
    # a, which has b and e; b, which has c and d.
    tree = {a: nil, b: :a, c: :b, d: :b, e: :a}
    descendants = ->(name) { tree.select { |_, parent| parent == name }.keys.flat_map { |n| [n, *descendants[n]] } }

    tree.keys.permutation.each_slice(24) do |orders|
      it "is released as soon as that may be, from the children up: #{orders.first.join} to #{orders.last.join}" do
        orders.each do |order|
          log.clear
          members = tree.each_with_object({}) { |(name, parent), all| all[name] = member(name, parent: all[parent]) }
          order.each_with_index do |name, i|
            expect(members.fetch(name).free).to be_nil
            asked = order.take(i + 1)
            due = asked.select { |one| (descendants[one] - asked).empty? }
            expect(log).to match_array(due), "#{order}: after #{name}"
            expect(members.select { |_, one| one.freed? }.keys).to match_array(due)
            expect(members.select { |_, one| one.null? }.keys).to match_array(due)
          end
          tree.each { |name, parent| expect(log.index(name)).to be < log.index(parent) if parent }
        end
      end
    end

    it "waits for the last of many children" do
      parent = member(:parent)
      children = Array.new(100) { |i| member(i, parent: parent) }
      parent.free
      children.shuffle(random: Random.new(1)).each(&:free)
      expect(log).to match [*Array.new(100) { be_an(Integer) }, :parent]
    end

    it "runs up through all that wait" do
      line = (1..9).inject([member(0)]) { |members, i| [*members, member(i, parent: members.last)] }
      line.each(&:free)
      expect(log).to eq 9.downto(0).to_a
    end
  end

  # What is done with a family, and the log of it: who is released, and what is noted.
  {
    "is what it was, and may be used" => [
      lambda { |parent, child|
        parent.free
        log << [parent.freed?, parent.null?, parent.autorelease?] << parent.use(&:read_int)
        parent.write_int(42)
        child.free
        log << [parent.freed?, parent.null?, parent.autorelease?]
      },
      [[false, false, true], 0, :child, :parent, [true, true, false]]
    ],
    "is released once, however often it is asked for" => [
      ->(parent, child) { [*[parent] * 3, child, *[parent] * 3].each(&:free) },
      %i[child parent]
    ],
    "waits for its leases too, whichever end first" => [
      lambda { |parent, child|
        parent.use do
          [parent, child].each(&:free)
          log << :lease_ends
        end
      },
      %i[child lease_ends parent]
    ],
    "waits for a child's lease" => [
      lambda { |parent, child|
        child.use do
          [parent, child].each(&:free)
          log << :lease_ends
        end
      },
      %i[lease_ends child parent]
    ],
    "cannot be detached any more" => [
      lambda { |parent, _child|
        parent.free
        log << (parent.detach rescue $!.class)
      },
      [SafePointer::ReleasedError]
    ],
    "waits for the children of a child that is detached" => [
      lambda { |parent, child, grandchild|
        child.detach
        parent.free
        log << :asked
        grandchild.free
      },
      %i[asked grandchild parent]
    ],
    "does not wait for a child whose autorelease is off, but for its free" => [
      lambda { |parent, child|
        child.autorelease = false
        parent.free
        log << :asked
        child.free
      },
      %i[asked child parent]
    ],
    "does not wait for NULL" => [
      lambda { |parent|
        Handle.new(FFI::Pointer::NULL, parent: parent)
        parent.free
      },
      %i[parent]
    ],
    "is not waited for any more when it is detached before: it is nobody's then" => [
      lambda { |parent, child|
        parent.detach
        [child, parent].each(&:free)
      },
      %i[child]
    ]
  }.each do |what, (steps, expected)|
    it "a parent whose release waits #{what}" do
      expect(log_of(steps)).to eq expected
    end
  end

  describe "a parent whose release waits" do
    {
      "detached" => :detach.to_proc,
      "given another parent" => ->(child) { child.parent = SafePointer.new(Oracle.create, Oracle.method(:free)) },
      "given no parent" => ->(child) { child.parent = nil }
    }.each do |what, part|
      it "is released when its child is #{what}" do
        steps = lambda do |parent, child|
          parent.free
          part.call(child)
          log << [parent.freed?, child.freed?]
        end
        expect(log_of(steps)).to eq [:parent, [true, false]]
      end
    end

    it "runs a free of its own once when that is due, with the arguments it was given first" do
      type = Class.new(Handle)
      log = self.log
      type.define_method(:free) do |*arguments, **keywords, &block|
        log << [arguments, keywords, block&.call]
        super()
      end
      parent = type.new(Oracle.create)
      child = member(:child, parent: parent)
      log << [parent.free(1, key: 2) { :block }, parent.free(:again)]
      child.free
      parent.free
      log << [parent.freed?, parent.null?]
      expect(log).to eq [[nil, nil], :child, [[1], {key: 2}, :block], [true, true]]
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
        log << :child << parent.freed?
        Oracle.free(raw)
      end
      child.free
      expect(log).to eq [:child, false, :parent]
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
      expect([*log, parent.freed?]).to eq [:child, true]
    end

    it "does not wait for its parent, however that is held" do
      steps = lambda do |parent, child|
        parent.use { child.free }
        log << parent.freed?
      end
      expect(log_of(steps)).to eq [:child, false]
    end
  end
end
