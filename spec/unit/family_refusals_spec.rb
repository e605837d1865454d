# frozen_string_literal: true

require_relative "../support/family"

# What is no parent, or no child, and that nobody waits for a child that was refused.
RSpec.describe SafePointer, "in a family" do
  include Family

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
      expect(log).to eq %i[third second first]
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
        expect(log).to eq [:parent]
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
        expect(log).to eq [:parent]
      end
    end
  end
end
