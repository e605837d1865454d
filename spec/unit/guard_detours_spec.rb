# frozen_string_literal: true

# The same promise where a free of one's own comes past the usual hooks: each
# runs once, whatever way it got there.
RSpec.describe "a free of one's own that came by a detour" do
  # A free of one's own, as the body of a class or a module.
  own_free = proc do
    def free
      Events.current << :own_free
      super
    end
  end
  # The same, defined by a block.
  by_block = proc { define_method(:free) { Events.current << :own_free and super() } }

  # What each makes of a raw pointer is freed twice, and its own free runs once.
  {
    "from a mixin of the pointer's singleton class" => lambda { |raw|
      Handle.new(raw).tap { |pointer| pointer.singleton_class.include(Module.new(&own_free)) }
    },
    "from a mixin prepended to the pointer's singleton class" => lambda { |raw|
      Handle.new(raw).tap { |pointer| pointer.singleton_class.prepend(Module.new(&own_free)) }
    },
    "from define_method on the pointer's singleton class" => lambda { |raw|
      Handle.new(raw).tap do |pointer|
        pointer.singleton_class.define_method(:free) { Events.current << :own_free and super() }
      end
    },
    "from a mixin that is included after the pointer was made" => lambda { |raw|
      type = Class.new(Handle)
      type.new(raw).tap { type.include(Module.new(&own_free)) }
    },
    "from a mixin that gets it between inclusion and the first pointer" => lambda { |raw|
      late = Module.new
      type = Class.new(Handle) { include late }
      late.module_eval(&own_free)
      type.new(raw)
    },
    "in a class with a method_added that keeps it to itself" => lambda { |raw|
      Class.new(Handle) do
        def self.method_added(_) = nil
        class_eval(&own_free)
      end.new(raw)
    },
    "in a class with an inherited hook that keeps it to itself" => lambda { |raw|
      parent = Class.new(Handle) { def self.inherited(_) = nil }
      Class.new(parent, &by_block).new(raw)
    },
    "in a frozen class" => ->(raw) { Class.new(Handle, &by_block).freeze.new(raw) },
    "calling the free it replaced by an alias" => lambda { |raw|
      Class.new(Handle) do
        alias_method :free_without_log, :free

        def free
          Events.current << :own_free
          free_without_log
        end
      end.new(raw)
    },
    "calling super on another fiber" => lambda { |raw|
      Class.new(Handle) do
        define_method(:free) do
          Events.current << :own_free
          Fiber.new { super() }.resume
        end
      end.new(raw)
    }
  }.each do |how, make|
    it how do
      log = in_child do |events|
        pointer = make.call(events.raw)
        2.times { pointer.free }
      end
      expect(log).to eq [:own_free, :released]
    end
  end

  # What is done with a raw pointer, and the log of it.
  {
    "calling another free of one's own it replaced by an alias" => [
      lambda { |raw|
        type = Class.new(Handle) { define_method(:free) { Events.current << :old and super() } }
        type.class_eval do
          alias_method :old_free, :free
          define_method(:free) { Events.current << :new and old_free }
        end
        pointer = type.new(raw)
        2.times { pointer.free }
      },
      [:new, :old, :released]
    ],
    "called by another name" => [
      lambda { |raw|
        type = Class.new(Handle, &by_block)
        type.alias_method(:close, :free)
        pointer = type.new(raw)
        pointer.close
        pointer.free
        pointer.close
      },
      [:own_free, :released]
    ],
    "not called, for the base class's free bound by hand" => [
      lambda { |raw|
        pointer = Class.new(Handle, &by_block).new(raw)
        SafePointer.instance_method(:free).bind_call(pointer)
        2.times { pointer.free }
      },
      [:released]
    ],
    "gone again, with remove_method" => [
      lambda { |raw|
        type = Class.new(Handle, &by_block)
        pointer = type.new(raw)
        type.remove_method(:free)
        2.times { pointer.free }
      },
      [:released]
    ],
    # As tools do that watch calls.
    "behind a constructor of SafePointer that has been given an alias and defined anew" => [
      lambda { |raw|
        SafePointer.class_eval do
          define_method(:watched) { |*arguments, &block| unwatched(*arguments, &block) }
          alias_method :unwatched, :initialize
          alias_method :initialize, :watched
        end
        pointer = Class.new(Handle) { def free = Oracle.free(self) }.new(raw)
        2.times { pointer.free }
      },
      [:released]
    ]
  }.each do |how, (steps, expected)|
    it how do
      log = in_child { |events| steps.call(events.raw) }
      expect(log).to eq expected
    end
  end
end
