# frozen_string_literal: true

require_relative "parity"

# Subclasses give methods meanings of their own. The release must not depend on what they answer.
Parity.describe "a subclass with its own idea of a method" do
  misleading = {
    "to_s, inspect" => "def to_s = raise(\"to_s\")\ndef inspect = raise(\"inspect\")",
    "==, eql?, hash" => "def ==(_) = true\ndef eql?(_) = true\ndef hash = 1",
    "address, to_i" => "def address = 8\ndef to_i = 8",
    "an address that raises" => "def address = raise(\"address\")",
    "null?" => "def null? = true",
    "a null? that raises" => "def null? = raise(\"null?\")",
    "type_size" => "def type_size = raise(\"type_size\")",
    "size, total" => "def size = 3\ndef total = 3",
    "to_ptr" => "def to_ptr = FFI::Pointer.new(4096)",
    "release, an instance method" => "def release(*) = raise(\"release\")",
    "call" => "def call(*) = raise(\"call\")",
    "respond_to?" => "def respond_to?(*) = false",
    "is_a?, kind_of?" => "def is_a?(_) = false\ndef kind_of?(_) = false",
    "instance_variable_get, instance_variable_set" =>
      "def instance_variable_get(_) = 1\ndef instance_variable_set(*) = 1",
    "freed?" => "def freed? = true",
    "detach, detached?, use, parent" => "def detach = 1\ndef detached? = true\ndef use = 2\ndef parent = 3",
    "autorelease?" => "def autorelease? = false",
    "method_missing" => "def method_missing(*) = true\ndef respond_to_missing?(*) = true"
  }

  misleading.each do |what, code|
    it "is released once with #{what}: by free, at GC, at exit" do
      log = log_of do |events, base|
        type = handle(base) { class_eval(code, __FILE__, __LINE__) }
        pointer = type.new(events.raw(:freed))
        2.times { pointer.free }
        out_of_reach { type.new(events.raw(:collected)) }
        full_gc
        events << :collected
        @kept = type.new(events.raw(:kept))
      end
      expect(log).to eq [[:released, :freed], [:released, :collected], :collected, [:released, :kept]]
    end

    it "is released once with #{what}: by hand, and by a free of its own" do
      log = log_of do |events, base|
        type = handle(base) { class_eval(code, __FILE__, __LINE__) }
        # Where ffi would release again.
        @kept = [type, Class.new(type) { def free = Oracle.free(self) }].map do |each|
          each.new(events.raw).tap { |pointer| pointer.__send__(:autorelease=, false) }
        end
        type.release(@kept[0])
        events << :by_hand
        @kept[1].free
      end
      expect(log).to eq [:released, :by_hand, :released]
    end
  end

  {
    "name, to_s, inspect" => "def self.name = raise(\"name\")\ndef self.to_s = raise(\"to_s\")\n" \
                             "def self.inspect = raise(\"inspect\")",
    "==, hash" => "def self.==(_) = false\ndef self.hash = 1",
    "===" => "def self.===(_) = false",
    "allocate" => "def self.allocate = raise(\"allocate\")",
    "superclass, ancestors" => "def self.superclass = Object\ndef self.ancestors = []",
    "open, stats, live, trace" => "def self.open = 1\ndef self.stats = 2\ndef self.live = 3\ndef self.trace = 4",
    "parent, use, call" => "def self.parent = 1\ndef self.use = 2\ndef self.call(*) = raise(\"call\")"
  }.each do |what, code|
    it "is released once with the class methods #{what}" do
      log = log_of do |events, base|
        type = handle(base) { class_eval(code, __FILE__, __LINE__) }
        pointer = type.new(events.raw(:freed))
        2.times { pointer.free }
        out_of_reach { type.new(events.raw(:collected)) }
        full_gc
        events << :collected
      end
      expect(log).to eq [[:released, :freed], [:released, :collected], :collected]
    end
  end

  it "answers with its own methods" do
    log = log_of do |events, base|
      type = handle(base) do
        def freed? = :mine
        def detach = :own
        def use = yield
        def parent = :parent
        def self.open(*) = :opened
      end
      pointer = type.new(events.raw)
      events << [pointer.freed?, pointer.detach, pointer.use { :used }, pointer.parent, type.open]
      pointer.free
    end
    expect(log).to eq [%i[mine own used parent opened], :released]
  end
end

# The object that is wrapped may be of a subclass of FFI::Pointer with ideas of its own, too.
Parity.describe "a wrapped pointer with its own idea of a method" do
  {
    "an address that raises" => "def address = raise(\"address\")",
    "an address that is a String" => "def address = \"0x1000\"",
    "an address of 0" => "def address = 0",
    "a to_ptr that raises" => "def to_ptr = raise(\"to_ptr\")",
    "a to_ptr to somewhere else" => "def to_ptr = FFI::Pointer.new(4096)",
    "null?" => "def null? = true",
    "==" => "def ==(_) = raise(\"==\")",
    "respond_to?" => "def respond_to?(*) = raise(\"respond_to?\")",
    "nil?" => "def nil? = false",
    "free" => "def free = raise(\"free\")",
    "release" => "def release(*) = raise(\"release\")"
  }.each do |what, code|
    it "is released once with #{what}: by free, at exit" do
      log = log_of do |events, base|
        wrapped = Class.new(FFI::Pointer) { class_eval(code, __FILE__, __LINE__) }
        pointer = handle(base).new(wrapped.new(events.raw(:freed)))
        2.times { pointer.free }
        @kept = handle(base).new(wrapped.new(events.raw(:kept)))
      end
      expect(log).to eq [[:released, :freed], [:released, :kept]]
    end
  end
end
