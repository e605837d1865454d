# frozen_string_literal: true

require_relative "../support/native_handle"
require_relative "../support/test_tools"

# Whoever watches the methods that free and release, wraps them or moves them about, gets to see what is called, and
# changes nothing about what is released.
RSpec.describe "a class" do
  def twice(pointer)
    2.times { pointer.free }
  end

  # Calls super, or destroys its argument, which is self where it has none.
  def wrapper(name, destroys: false)
    Module.new do
      define_method(name) do |*arguments|
        Events.current << :wrapper
        destroys ? Oracle.free(*arguments, *(self if arguments.empty?)) : super(*arguments)
      end
    end
  end

  {
    "a Ruby release" => [[], -> { Class.new(SafePointer) { def self.release(raw) = Oracle.free(raw) } }],
    "a C function" => [[], -> { Class.new(SafePointer) { release_with Oracle, :free } }],
    "a free of its own" => [[:own_free], -> { Class.new(Handle) { def free = Events.current << :own_free && super } }]
  }.each do |which, (own_free, make)|
    describe "with #{which}" do
      it "may be watched with TracePoint" do
        log = in_child do |events|
          type = make.call
          called = []
          TracePoint.new(:call, :c_call, :return, :b_call) { |trace| called << trace.method_id }.enable do
            twice(type.new(events.raw(:freed)))
            type.release(type.new(events.raw(:by_hand)))
            out_of_reach { type.new(events.raw(:dropped)) }
            full_gc
          end
          events << called.include?(:free)
        end
        expect(log).to eq [*own_free, %i[released freed], %i[released by_hand], %i[released dropped], true]
      end

      it "may be refined" do
        log = in_child do |events|
          type = stub_const("Refined", make.call)
          twice(type.new(events.raw(:before)))
          eval(<<~RUBY, TOPLEVEL_BINDING.dup, __FILE__, __LINE__ + 1)
            module Refining
              refine(Refined) { def free = Events.current << :refinement && super }
              refine(Refined.singleton_class) { def release(*) = Events.current << :refinement && super }
            end
            using Refining
            2.times.with_object(Refined.new(Oracle.create(:refined))) { |_, pointer| pointer.free }
            Refined.release(Refined.new(Oracle.create(:by_hand)))
          RUBY
          twice(type.new(events.raw(:after)))
        end
        expect(log).to eq [
          *own_free, %i[released before], :refinement, *own_free, %i[released refined], :refinement, :refinement,
          %i[released by_hand], *own_free, %i[released after]
        ]
      end

      it "may be refined before it has a free, and a release, of its own" do
        log = in_child do |events|
          parent = make.call
          type = stub_const("Refined", Class.new(parent))
          eval(<<~RUBY, TOPLEVEL_BINDING.dup, __FILE__, __LINE__ + 1)
            module Refining
              refine(Refined) { def free = raise }
              refine(Refined.singleton_class) { def release(*) = raise }
            end
          RUBY
          type.new(events.raw(:before)).free
          type.class_eval { def free = Events.current << :later && super }
          type.define_singleton_method(:release) { |raw| events << :release and super(raw) }
          twice(type.new(events.raw(:after)))
          type.release(type.new(events.raw(:by_hand)))
        end
        expect(log).to eq [
          *own_free, %i[released before], :later, *own_free, :release, %i[released after], :release, %i[released by_hand]
        ]
      end

      it "may have them private for a while" do
        log = in_child do |events|
          type = make.call
          pointer = type.new(events.raw(:before))
          type.send(:private, :free)
          type.private_class_method(:release)
          events << [(pointer.free rescue $!.class), (type.release(pointer) rescue $!.class), pointer.freed?]
          out_of_reach { type.new(events.raw(:dropped)) }
          full_gc
          2.times { pointer.send(:free) }
          type.send(:public, :free)
          type.public_class_method(:release)
          twice(type.new(events.raw(:after)))
          type.release(type.new(events.raw(:by_hand)))
        end
        expect(log).to eq [
          [NoMethodError, NoMethodError, false], %i[released dropped], *own_free, %i[released before],
          *own_free, %i[released after], %i[released by_hand]
        ]
      end

      it "may have them called by objects for them" do
        log = in_child do |events|
          type = make.call
          pointers = Array.new(5) { |i| type.new(events.raw(i)) }
          calls = [
            pointers[0].method(:free), type.instance_method(:free).bind(pointers[1]),
            pointers[2].method(:free).unbind.bind(pointers[2]), -> { type.instance_method(:free).bind_call(pointers[3]) },
            -> { type.method(:release).unbind.bind(type).call(pointers[4]) }
          ]
          2.times { calls.each(&:call) }
          events << pointers.map(&:freed?)
        end
        expect(log).to eq [*(0..3).flat_map { |i| [*own_free, [:released, i.to_s.to_sym]] }, %i[released 4], [true] * 5]
      end

      it "may have them under other names, in other classes, and made anew from themselves" do
        log = in_child do |events|
          type = make.call
          child = Class.new(type)
          child.define_method(:free, type.instance_method(:free))
          child.define_singleton_method(:release, type.method(:release).unbind) rescue events << $!.class
          type.alias_method(:close, :free)
          type.define_method(:shut, type.instance_method(:free))
          type.define_method(:free, type.instance_method(:free))
          type.define_singleton_method(:destroy, type.method(:release))
          type.define_singleton_method(:release, type.method(:release))
          %i[close shut free].each { |name| type.new(events.raw(name)).then { |pointer| 2.times { pointer.send(name) } } }
          twice(child.new(events.raw(:child)))
          2.times.with_object(type.new(events.raw(:destroy))) { |_, pointer| type.destroy(pointer) }
          2.times.with_object(type.new(events.raw(:release))) { |_, pointer| type.release(pointer) }
        end
        expect(log).to eq [*%i[close shut free child].flat_map { |name| [*own_free, [:released, name]] },
                           %i[released destroy], %i[released release]]
      end

      it "may get a module in front of its free after the first pointer" do
        log = in_child do |events|
          type = make.call
          pointer = type.new(events.raw(:before))
          type.prepend(wrapper(:free))
          [pointer, type.new(events.raw(:after))].each { |each| twice(each) }
          out_of_reach { type.new(events.raw(:dropped)) }
          full_gc
        end
        expect(log).to eq [
          :wrapper, *own_free, %i[released before], :wrapper, *own_free, %i[released after], %i[released dropped]
        ]
      end

      [false, true].each do |destroys|
        it "may get a module in front of its release after the first pointer, that #{destroys ? "destroys" : "calls it"}" do
          log = in_child do |events|
            type = make.call
            pointer = type.new(events.raw(:before))
            type.singleton_class.prepend(wrapper(:release, destroys: destroys))
            [pointer, type.new(events.raw(:after))].each { |each| twice(each) }
            out_of_reach { type.new(events.raw(:dropped)) }
            full_gc
            by_hand = type.new(events.raw(:by_hand))
            type.release(by_hand)
            events << by_hand.freed?
            @alive_at_exit = type.new(events.raw(:kept))
          end
          expect(log).to eq [
            *own_free, :wrapper, %i[released before], *own_free, :wrapper, %i[released after], :wrapper,
            %i[released dropped], :wrapper, %i[released by_hand], true, :wrapper, %i[released kept]
          ]
        end
      end

      it "may have a superclass that gets a module in front of its release" do
        log = in_child do |events|
          type = make.call
          child = Class.new(type)
          before = child.new(events.raw(:before))
          type.singleton_class.prepend(wrapper(:release))
          [before, child.new(events.raw(:after))].each { |pointer| twice(pointer) }
        end
        expect(log).to eq [*own_free, :wrapper, %i[released before], *own_free, :wrapper, %i[released after]]
      end

      it "may have a module in front of its release that gets it later" do
        log = in_child do |events|
          type = make.call
          late = Module.new
          type.singleton_class.prepend(late)
          before = type.new(events.raw(:before))
          late.define_method(:release) { |raw| events << :wrapper and super(raw) }
          [before, type.new(events.raw(:after))].each { |pointer| twice(pointer) }
          late.remove_method(:release)
          twice(type.new(events.raw(:gone)))
        end
        expect(log).to eq [
          *own_free, :wrapper, %i[released before], *own_free, :wrapper, %i[released after], *own_free, %i[released gone]
        ]
      end

      it "may have a hook that keeps to itself what becomes of its release" do
        log = in_child do |events|
          type = make.call
          type.define_singleton_method(:singleton_method_added) { |_| nil }
          before = type.new(events.raw(:before))
          type.define_singleton_method(:release) { |raw| events << :other and Oracle.free(raw) }
          [before, type.new(events.raw(:after))].each { |pointer| twice(pointer) }
        end
        expect(log).to eq [*own_free, :other, %i[released before], *own_free, :other, %i[released after]]
      end
    end
  end

  it "may have a mixin that gets a module in front after the first pointer" do
    log = in_child do |events|
      mixin = Module.new { def free = Events.current << :mixin && super }
      type = Class.new(Handle) { include mixin }
      before = type.new(events.raw(:before))
      mixin.prepend(wrapper(:free))
      [before, type.new(events.raw(:after))].each { |pointer| twice(pointer) }
    end
    expect(log).to eq [:wrapper, :mixin, %i[released before], :wrapper, :mixin, %i[released after]]
  end

  # Out of Ruby code an interrupt may come, after the claim and before the release.
  it "may have changed, and its pointers are released without another look at it" do
    log = in_child do |events|
      type = Class.new(Handle)
      pointer = type.new(events.raw)
      type.class_eval { def touch = nil }
      events << ruby_calls { pointer.free }.uniq
    end
    expect(log).to eq [:released, [:release]]
  end

  # A block that is there when a release becomes due is not for that.
  it "may have a release that takes a block, and gets none" do
    log = in_child do |events|
      type = Class.new(SafePointer) do
        define_singleton_method(:release) { |raw, &block| events << block and Oracle.free(raw) }
        def free = super
      end
      parent = type.new(events.raw(:parent))
      child = type.new(events.raw(:child), parent: parent)
      parent.free
      child.free { raise "called" }
      Class.new(type) { define_method(:free, SafePointer.instance_method(:free)) }.new(events.raw(:other)).free { raise }
    end
    expect(log).to eq [nil, %i[released child], nil, %i[released parent], nil, %i[released other]]
  end

  it "may have stubs on top of each other, and taken off in any order" do
    log = in_child do |events|
      type = Class.new(SafePointer) { def self.release(raw) = Oracle.free(raw) }
      stub = ->(name) { ->(original, *rest) { events << name and original.call(*rest) } }
      inner = -> { twice(type.new(events.raw(:both))) }
      TestTools::DOUBLES["rspec-mocks"].call(type, :release, stub.call(:outer), lambda {
        TestTools::WRAPPERS["an alias chain"].call(type.singleton_class, :release, stub.call(:inner), inner)
        twice(type.new(events.raw(:one)))
      })
      first, second = Array.new(2) { type.method(:release).unbind.then { |own| [own, :"saved_#{own.object_id}"] } }
      type.define_singleton_method(:release) { |raw| events << :first and first[0].bind_call(self, raw) }
      saved = type.method(:release)
      type.define_singleton_method(:release) { |raw| events << :second and saved.call(raw) }
      twice(type.new(events.raw(:both)))
      type.define_singleton_method(:release, second[0])
      type.define_singleton_method(:release, saved)
      twice(type.new(events.raw(:first)))
      type.define_singleton_method(:release, first[0])
      twice(type.new(events.raw(:none)))
    end
    expect(log).to eq [
      :inner, :outer, %i[released both], :outer, %i[released one], :second, :first, %i[released both],
      :first, %i[released first], %i[released none]
    ]
  end

  it "may be SafePointer itself, whose free is stubbed for all" do
    log = in_child do |events|
      pointer = Handle.new(events.raw)
      TestTools::CLASS_WIDE_DOUBLES["rspec-mocks"].call(SafePointer, :free, ->(*) { events << :stub }, -> { twice(pointer) })
      events << pointer.freed?
      twice(pointer)
    end
    expect(log).to eq [:stub, :stub, false, :released]
  end
end
