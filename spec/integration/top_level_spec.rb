# frozen_string_literal: true

# A script makes one pointer at top level, drops it, and collects. Ruby takes whatever is on the machine's stack for a
# reference, so this is about what our own frames leave there.
RSpec.describe "a pointer that a script makes at top level and drops" do
  # What the script has, besides the oracle. They are plain methods of the script, as in one that somebody writes.
  classes = <<~RUBY
    class Handle < SafePointer
      def self.release(raw) = Oracle.free(raw)
    end
    class OwnFree < Handle
      def free = super
    end
    class NativeHandle < SafePointer
      release_with Oracle, :free
    end
    class Managed < SafePointer::ManagedStruct
      layout :number, :int
      def self.release(raw) = Oracle.free(raw)
    end
    PARENT = Handle.new(Oracle.create)
  RUBY

  [
    "Handle.new(Oracle.create)",
    "Handle.new(Oracle.create, size: 8)",
    "Handle.new(Oracle.create, parent: PARENT)",
    "Handle.from_native(Oracle.create, nil)",
    "Handle.new(Oracle.create).use { |raw| raw.address }",
    "Handle.new(Oracle.create).autorelease = true",
    "pointer = Handle.new(Oracle.create); pointer = nil",
    "OwnFree.new(Oracle.create)",
    "SafePointer.new(Oracle.create, Oracle.method(:free))",
    "SafePointer.new(Oracle.create) { |raw| Oracle.free(raw) }",
    "NativeHandle.new(Oracle.create)",
    "NativeHandle.new(Oracle.create).use { |raw| raw.address }",
    "NativeHandle.new(Oracle.create, parent: PARENT)",
    "Managed.new(Oracle.create)",
    "SafePointer.trace = true; Handle.new(Oracle.create)"
  ].each do |statement|
    it "is collected: #{statement}" do
      if RUBY_VERSION >= "4.0" && statement.start_with?("Managed")
        skip "Ruby #{RUBY_VERSION} leaves what super got on the stack, with FFI::ManagedStruct as well"
      end
      if statement.end_with?("= nil") && RbConfig::CONFIG["CPPFLAGS"].include?("-DRUBY_DEBUG=1")
        skip "A Ruby built for debugging leaves on the stack what a variable had, with FFI::AutoPointer as well"
      end
      child = run_ruby("#{classes}#{statement}\nGC.start\nevents << :collected")
      # The last one is PARENT, at exit.
      expect(child).to have_attributes(quiet?: true, events: %i[released collected released])
    end
  end
end
