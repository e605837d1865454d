# frozen_string_literal: true

require_relative "../support/growth"

# What is remembered of the methods that free, and of the classes that have them, goes with them.
#
# Under GC stress there is time for a few rounds only, in which nothing grows by much.
RSpec.describe "guards", unless: GCLevel::CURRENT == "stress" do
  setup = <<~RUBY
    plain = Class.new(SafePointer) { def self.release(_) = nil }
    native = Class.new(SafePointer) { release_with Oracle, :count }
    raw = FFI::Pointer.new(8)
  RUBY

  # What comes before the loop, and what is in it.
  loops = {
    "of a method of one pointer" => ["", "pointer = plain.new(raw); def pointer.free = super; pointer.free"],
    "of another method of one pointer" => ["", "pointer = plain.new(raw); def pointer.touch = nil; pointer.free"],
    "of one pointer with a C function" => ["", "pointer = native.new(raw); def pointer.free = super; pointer.free"],
    "of one pointer's mixin" => ["mixin = Module.new { def free = super }", "plain.new(raw).extend(mixin).free"],
    "of a class's methods" => ["", <<~RUBY],
      Class.new(SafePointer) do
        frees_with :close
        def self.release(_) = nil
        def free = super
        def close = free
      end.new(raw).close
    RUBY
    "of a class with a C function" => ["", "Class.new(SafePointer) { release_with Oracle, :count }.new(raw).free"],
    "that a frozen class has not" => ["$stderr = File.open(File::NULL, 'w')", <<~RUBY],
      Class.new(SafePointer) do
        def self.method_added(_) = nil
        def self.release(_) = nil
        def free = super
        freeze
      end.new(raw).free
    RUBY
    "of a struct's methods" => ["", <<~RUBY],
      Class.new(SafePointer::ManagedStruct) do
        layout :x, :int
        def self.release(_) = nil
        def free = super
      end.new(raw).free
    RUBY
    "of a free that is defined again and again" => ["", "plain.define_method(:free) { super() }; plain.new(raw).free"],
    "of a release that is defined again and again" => [
      "", "plain.define_singleton_method(:release) { |_| nil }; plain.new(raw).free"
    ],
    "of methods that are wrapped for a while" => ["class << plain; def free = super; end", <<~RUBY],
      [[plain, :free], [plain.singleton_class, :release]].each do |owner, name|
        owner.alias_method(:original, name)
        owner.define_method(name) { |*arguments| original(*arguments) }
        plain.new(raw).free
        owner.alias_method(name, :original)
        owner.remove_method(:original)
      end
    RUBY
    "of methods that are taken out and put back" => ["plain.class_eval { def free = super }", <<~RUBY]
      [[plain, :free], [plain.singleton_class, :release]].each do |owner, name|
        original = owner.instance_method(name)
        owner.undef_method(name)
        owner.define_method(name) { |*| nil }
        owner.undef_method(name)
        owner.define_method(name, original)
        plain.new(raw).free
      end
    RUBY
  }

  loops.each do |what, (before, code)|
    it "#{what} leave nothing behind" do
      child = run_ruby(Growth.source(code, setup + before))
      expect(child.status).to be_success, child.inspect
      expect(Growth.left_behind(child)).to be_empty
    end
  end
end
