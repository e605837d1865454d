# frozen_string_literal: true

# A ManagedStruct has its memory in a pointer of a class that says nothing. What is told of that pointer names the struct.
RSpec.describe "the class of a struct" do
  {
    "SafePointer::ManagedStruct" => "",
    "FFI::ManagedStruct" => 'require "safe_pointer/auto_pointer"'
  }.each do |base, preparation|
    define_method(:told) do |source|
      child = run_ruby(<<~RUBY)
        #{preparation}
        class Node < #{base}
          layout :value, :int
          def self.release(raw) = Oracle.free(raw)
        end
        class Broken < #{base}
          layout :value, :int
          def self.release(_) = raise("busy")
        end
        #{source}
      RUBY
      expect(child.status).to be_success, child.inspect
      child
    end

    it "is what an event tells, however the pointer ends: #{base}" do
      child = told(<<~RUBY)
        subscription = SafePointer.subscribe { |event| events << [event.name, event.pointer_class.name] }
        Node.new(Oracle.create).pointer.free
        Oracle.free(Node.new(Oracle.create).pointer.detach)
        Broken.new(Oracle.create).pointer.free rescue nil
        out_of_reach { Node.new(Oracle.create) }
        full_gc
        out_of_reach { Node.new(Oracle.create).pointer.autorelease = false }
        full_gc
        subscription.unsubscribe
      RUBY
      ways = %i[created released created detached created failed created released created detached]
      names = [*["Node"] * 4, *["Broken"] * 2, *["Node"] * 4]
      expect(child.events.grep(Array)).to eq ways.zip(names)
    end

    it "is what the report, the warnings and an error name: #{base}" do
      child = told(<<~RUBY)
        SafePointer.warnings[:second_owner] = SafePointer.warnings[:freed_by_gc] = true
        raw = Oracle.create.tap { |raw| Oracle.reference(raw) }
        kept = Array.new(2) { Node.new(raw) }
        events << SafePointer.live.map { |live| live.pointer_class.name }
        SafePointer.report
        out_of_reach { Broken.new(Oracle.create) }
        full_gc
      RUBY
      expect(child.events).to eq [%w[Node Node], :released, :released]
      expect(child.stderr.gsub(/0x\h+/, "ADDRESS").lines).to match [
        /warning: safe_pointer: Node address=ADDRESS is owned already, by Node$/,
        /safe_pointer: 2 pointers are alive/, "\n", /^  class/, /^  Node +2 /,
        /^safe_pointer: Broken address=ADDRESS was freed by GC/,
        /^safe_pointer: release of Broken address=ADDRESS by Broken.release at GC raised RuntimeError: busy \(-e:\d+:in /
      ]
    end
  end

  it "is what an event tells of one that its parent has destroyed" do
    log = in_child do |events|
      type = Class.new(SafePointer::ManagedStruct) do
        layout :value, :int
        def self.release(_) = nil
        def self.to_s = "Node"
      end
      subscription = SafePointer.subscribe { |event| events << [event.name, event.pointer_class.to_s] }
      pool = Handle.new(events.raw)
      node = type.new(FFI::Pointer.new(64), parent: pool, freed_by_parent: true)
      pool.free
      subscription.unsubscribe
      events << node.freed?
    end
    created = %w[Handle Node].map { |name| [:created, name] }
    expect(log).to eq [*created, :released, *%w[Node Handle].map { |name| [:released, name] }, true]
  end
end
