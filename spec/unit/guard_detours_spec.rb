# frozen_string_literal: true

# The same promise where a free of one's own comes past the usual hooks: each
# runs once, whatever way it got there.
RSpec.describe "a free of one's own that came by a detour" do
  def mixin
    Module.new do
      def free
        Events.current << :own_free
        super
      end
    end
  end

  def twice(pointer)
    2.times { pointer.free }
  end

  it "from a mixin of the pointer's singleton class" do
    log = in_child do |events|
      pointer = Handle.new(events.raw)
      pointer.singleton_class.include(mixin)
      twice(pointer)
    end
    expect(log).to eq [:own_free, :released]
  end

  it "from a mixin prepended to the pointer's singleton class" do
    log = in_child do |events|
      pointer = Handle.new(events.raw)
      pointer.singleton_class.prepend(mixin)
      twice(pointer)
    end
    expect(log).to eq [:own_free, :released]
  end

  it "from define_method on the pointer's singleton class" do
    log = in_child do |events|
      pointer = Handle.new(events.raw)
      pointer.singleton_class.define_method(:free) { events << :own_free and super() }
      twice(pointer)
    end
    expect(log).to eq [:own_free, :released]
  end

  it "from a mixin that is included after the pointer was made" do
    log = in_child do |events|
      type = Class.new(Handle)
      pointer = type.new(events.raw)
      type.include(mixin)
      twice(pointer)
    end
    expect(log).to eq [:own_free, :released]
  end

  it "from a mixin that gets it between inclusion and the first pointer" do
    log = in_child do |events|
      late = Module.new
      type = Class.new(Handle) { include late }
      late.module_eval do
        def free
          Events.current << :own_free
          super
        end
      end
      twice(type.new(events.raw))
    end
    expect(log).to eq [:own_free, :released]
  end

  it "in a class with a method_added that keeps it to itself" do
    log = in_child do |events|
      type = Class.new(Handle) do
        def self.method_added(_) = nil

        def free
          Events.current << :own_free
          super
        end
      end
      twice(type.new(events.raw))
    end
    expect(log).to eq [:own_free, :released]
  end

  it "in a class with an inherited hook that keeps it to itself" do
    log = in_child do |events|
      parent = Class.new(Handle) { def self.inherited(_) = nil }
      twice(Class.new(parent) { define_method(:free) { events << :own_free and super() } }.new(events.raw))
    end
    expect(log).to eq [:own_free, :released]
  end

  it "in a frozen class" do
    log = in_child do |events|
      twice(Class.new(Handle) { define_method(:free) { events << :own_free and super() } }.freeze.new(events.raw))
    end
    expect(log).to eq [:own_free, :released]
  end

  it "calling the free it replaced by an alias" do
    log = in_child do |events|
      type = Class.new(Handle) do
        alias_method :free_without_log, :free

        def free
          Events.current << :own_free
          free_without_log
        end
      end
      twice(type.new(events.raw))
    end
    expect(log).to eq [:own_free, :released]
  end

  it "calling another free of one's own it replaced by an alias" do
    log = in_child do |events|
      type = Class.new(Handle) { define_method(:free) { events << :old and super() } }
      type.class_eval do
        alias_method :old_free, :free
        define_method(:free) { events << :new and old_free }
      end
      twice(type.new(events.raw))
    end
    expect(log).to eq [:new, :old, :released]
  end

  it "called by another name" do
    log = in_child do |events|
      type = Class.new(Handle) do
        define_method(:free) { events << :own_free and super() }
        alias_method :close, :free
      end
      pointer = type.new(events.raw)
      pointer.close
      pointer.free
      pointer.close
    end
    expect(log).to eq [:own_free, :released]
  end

  it "not called, for the base class's free bound by hand" do
    log = in_child do |events|
      type = Class.new(Handle) { define_method(:free) { events << :own_free and super() } }
      pointer = type.new(events.raw)
      SafePointer.instance_method(:free).bind_call(pointer)
      twice(pointer)
    end
    expect(log).to eq [:released]
  end

  it "gone again, with remove_method" do
    log = in_child do |events|
      type = Class.new(Handle) { define_method(:free) { events << :own_free and super() } }
      pointer = type.new(events.raw)
      type.remove_method(:free)
      twice(pointer)
    end
    expect(log).to eq [:released]
  end

  it "calling super on another fiber" do
    log = in_child do |events|
      type = Class.new(Handle) do
        define_method(:free) do
          events << :own_free
          Fiber.new { super() }.resume
        end
      end
      twice(type.new(events.raw))
    end
    expect(log).to eq [:own_free, :released]
  end

  # As tools do that watch calls.
  it "behind a constructor of SafePointer that has been given an alias and defined anew" do
    log = in_child do |events|
      SafePointer.class_eval do
        define_method(:watched) { |*arguments, &block| unwatched(*arguments, &block) }
        alias_method :unwatched, :initialize
        alias_method :initialize, :watched
      end
      twice(Class.new(Handle) { def free = Oracle.free(self) }.new(events.raw))
    end
    expect(log).to eq [:released]
  end
end
