# frozen_string_literal: true

require_relative "../support/family"

# Who can be a parent, and how a pointer gets one. What is refused: family_refusals_spec.rb.
RSpec.describe SafePointer, "in a family" do
  include Family

  struct_type = Class.new(SafePointer::ManagedStruct) do
    layout :x, :int
    def self.release(raw) = Oracle.free(raw)
  end
  plain_type = Class.new(FFI::Struct) { layout :x, :int }

  describe "#parent" do
    {
      "at first" => -> { member(:alone) },
      "of a pointer that was never initialized" => -> { Handle.allocate },
      "where nil was given" => -> { member(:child, parent: nil) },
      "once the child is released" => -> { member(:child, parent: member(:parent)).tap(&:free) },
      "once the parent has released the child" => lambda {
        parent = member(:parent)
        member(:child, parent: parent, freed_by_parent: true).tap { parent.free }
      }
    }.each do |which, make|
      it "is nil #{which}" do
        expect(instance_exec(&make).parent).to be_nil
      end
    end

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
        log << memory.freed?
        child.free
        expect([*log, memory.freed?]).to eq [false, :child, true]
      end
    end

    it "is not released before its child: a releaser" do
      parent = SafePointer::Releaser.new(Oracle.create, logged(:parent))
      child = SafePointer::Releaser.new(Oracle.create, logged(:child), parent: parent)
      [parent, child].each(&:free)
      expect(log).to eq %i[child parent]
    end

    it "does not wait if it is NULL" do
      parent = Handle.new(FFI::Pointer::NULL)
      child = member(:child, parent: parent)
      parent.free
      log << [parent.freed?, child.freed?]
      child.free
      expect(log).to eq [[true, false], :child]
    end

    it "is what parent= was given last" do
      child = member(:child, parent: member(:first))
      [member(:second), nil].each do |parent|
        child.parent = parent
        expect(child.parent).to equal(parent)
      end
    end
  end

  describe "the parent given" do
    it "to a ManagedStruct waits for it" do
      parent = member(:parent)
      struct = struct_type.new(Oracle.create, parent: parent)
      expect(struct.pointer.parent).to equal(parent)
      parent.free
      log << :asked
      struct.free
      expect(log).to eq %i[asked parent]
    end

    it "to open waits for the child, which is released first" do
      parent = member(:parent)
      SafePointer.open(Oracle.create, logged(:child), parent: parent) { parent.free }
      expect(log).to eq %i[child parent]
    end

    it "to what a C function returned waits for it" do
      type = Class.new(Handle)
      functions = Module.new do
        extend FFI::Library
        ffi_lib Oracle.build
        attach_function :create, :oracle_new, [:size_t, :string], type
      end
      parent = member(:parent)
      child = functions.create(16, nil).tap { |pointer| pointer.parent = parent }
      freed = [parent, child].map do |pointer|
        pointer.free
        [parent.freed?, child.freed?]
      end
      expect(freed).to eq [[false, false], [true, true]]
    end
  end

  describe "#parent=" do
    {
      "moves the child: the old parent does not wait, the new one does" => [
        lambda { |first, child|
          child.parent = second = member(:second)
          [first, second].each(&:free)
          log << :asked
          child.free
        },
        %i[first asked child second]
      ],
      "takes the same parent again" => [
        lambda { |parent, child|
          3.times { child.parent = parent }
          parent.free
          log << :asked
          child.free
        },
        %i[asked child parent]
      ],
      "takes the children of the child along" => [
        lambda { |child, grandchild|
          child.parent = parent = member(:parent)
          [parent, child].each(&:free)
          log << :asked
          grandchild.free
        },
        %i[asked grandchild child parent]
      ],
      "may turn a family upside down, one by one" => [
        lambda { |first, second|
          second.parent = nil
          first.parent = second
          [second, first].each(&:free)
        },
        %i[first second]
      ]
    }.each do |what, (steps, expected)|
      it what do
        expect(log_of(steps)).to eq expected
      end
    end
  end
end
