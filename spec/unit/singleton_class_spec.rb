# frozen_string_literal: true

require_relative "../support/native_handle"

# A pointer with methods of its own. What its release is kept by must not keep its singleton class, which keeps the
# pointer.
RSpec.describe "a pointer with a singleton class" do
  single = ->(pointer) { pointer.define_singleton_method(:touch) { nil } }

  {
    "a Ruby release" => ->(raw) { Handle.new(raw).tap(&single) },
    "a C function" => ->(raw) { NativeHandle.new(raw).tap(&single) },
    "a C function, and a parent asked for" => ->(raw) { NativeHandle.new(raw).tap(&:singleton_class).tap(&:parent) },
    "a C function, and @releaser asked for" => lambda { |raw|
      NativeHandle.new(raw).tap(&:singleton_class).tap { |pointer| pointer.instance_variable_get(:@releaser) }
    },
    "a free of its own" => ->(raw) { NativeHandle.new(raw).tap { |pointer| def pointer.free = super } },
    "the methods before the constructor is called" => lambda { |raw|
      Handle.allocate.tap(&single).tap { |pointer| pointer.send(:initialize, raw) }
    }
  }.each do |what, make|
    it "is released by GC, with #{what}" do
      log = in_child do |events|
        10.times do
          out_of_reach { make.call(events.raw) }
          full_gc
        end
        events << :collected
      end
      # The last one may still be on a stack.
      expect(log.index(:collected)).to be >= 9
      expect(log.count(:released)).to eq 10
    end
  end

  it "has its class in messages and events" do
    log = in_child do |events|
      stub_const("Texture", Class.new(NativeHandle))
      raw = events.raw
      SafePointer.subscribe { |event| events << [event.name, event.pointer_class.name] if event.address == raw.address }
      pointer = Texture.new(raw)
      pointer.singleton_class
      pointer.detach
      events << (pointer.detach rescue $!.message[/\A.+?: /])
    end
    expect(log).to eq [[:created, "Texture"], [:detached, "Texture"], "Texture#detach: "]
  end
end

RSpec.describe "the singleton class of a pointer class" do
  %i[include prepend].each do |put|
    it "has the release guarded that comes to it by #{put}" do
      log = in_child do |events|
        type = Class.new(SafePointer)
        pointer = type.new(events.raw, Oracle.method(:free))
        type.singleton_class.public_send(put, Module.new { def release(raw) = Oracle.free(raw) })
        2.times { type.release(pointer) }
        events << pointer.freed?
      end
      expect(log).to eq [:released, true]
    end
  end
end
