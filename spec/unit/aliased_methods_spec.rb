# frozen_string_literal: true

# A method that a class has by an alias of one that it inherits is guarded as one that it defines.
RSpec.describe "an alias of a method" do
  base = Class.new(Handle) do
    def destroy
      Oracle.free(self)
      :destroyed
    end

    def self.destructor(raw) = Oracle.free(raw)
  end
  mixin = Module.new do
    def destroy
      Oracle.free(self)
      :destroyed
    end
  end

  {
    "of a superclass, as free" => [:free, ->(raw) { Class.new(base) { alias_method :free, :destroy }.new(raw) }],
    "of a superclass, under another name for free" => [:close, lambda { |raw|
      Class.new(base) do
        frees_with :close
        alias_method :close, :destroy
      end.new(raw)
    }],
    "of a mixin, as free" => [:free, lambda { |raw|
      Class.new(Handle) do
        include mixin
        alias_method :free, :destroy
      end.new(raw)
    }],
    "of the class, for one pointer" => [:free, lambda { |raw|
      base.new(raw).tap { |pointer| pointer.singleton_class.alias_method(:free, :destroy) }
    }]
  }.each do |what, (name, make)|
    it "#{what}, is called, and is the release" do
      log = in_child do |events|
        pointer = make.call(events.raw)
        events << pointer.public_send(name) << pointer.public_send(name) << pointer.freed?
      end
      expect(log).to eq [:released, :destroyed, nil, true]
    end
  end

  it "of a superclass, as the class's release, is called by free and by hand" do
    log = in_child do |events|
      type = Class.new(base) { singleton_class.alias_method(:release, :destructor) }
      type.new(events.raw).free
      type.release(type.new(events.raw))
      type.new(events.raw)
    end
    expect(log).to eq [:released] * 3
  end
end
