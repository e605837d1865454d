# frozen_string_literal: true

# A subclass's own `free` is the release: every way to define one, doing what
# such methods do, called some number of times, ended by GC and by exit.
RSpec.describe "a free of one's own" do
  # Each makes a pointer whose free is the given source.
  ways = {
    "defined with def" => lambda { |raw, source|
      Class.new(Handle) { class_eval("def free; #{source}; end", __FILE__, __LINE__) }.new(raw)
    },
    "defined with define_method" => lambda { |raw, source|
      Class.new(Handle) { class_eval("define_method(:free) { #{source} }", __FILE__, __LINE__) }.new(raw)
    },
    "defined as an alias" => lambda { |raw, source|
      Class.new(Handle) do
        class_eval("def dispose; #{source}; end", __FILE__, __LINE__)
        alias_method :free, :dispose
      end.new(raw)
    },
    "defined anew in a reopened class" => lambda { |raw, source|
      type = Class.new(Handle) { def free = raise("this definition is gone") }
      pointer = type.new(raw)
      type.class_eval("def free; #{source}; end", __FILE__, __LINE__)
      pointer
    },
    "inherited from a parent class" => lambda { |raw, source|
      parent = Class.new(Handle) { class_eval("def free; #{source}; end", __FILE__, __LINE__) }
      Class.new(parent).new(raw)
    },
    "from an included mixin" => lambda { |raw, source|
      mixin = Module.new { class_eval("def free; #{source}; end", __FILE__, __LINE__) }
      Class.new(Handle) { include mixin }.new(raw)
    },
    "from a mixin of an included mixin" => lambda { |raw, source|
      inner = Module.new { class_eval("def free; #{source}; end", __FILE__, __LINE__) }
      outer = Module.new { include inner }
      Class.new(Handle) { include outer }.new(raw)
    },
    "from a prepended mixin" => lambda { |raw, source|
      mixin = Module.new { class_eval("def free; #{source}; end", __FILE__, __LINE__) }
      Class.new(Handle) { prepend mixin }.new(raw)
    },
    "from a mixin the pointer is extended with" => lambda { |raw, source|
      mixin = Module.new { class_eval("def free; #{source}; end", __FILE__, __LINE__) }
      Handle.new(raw).extend(mixin)
    },
    "defined on the pointer alone" => lambda { |raw, source|
      Handle.new(raw).tap { |pointer| pointer.instance_eval("def self.free; #{source}; end", __FILE__, __LINE__) }
    },
    "defined on the pointer alone from a block" => lambda { |raw, source|
      body = eval("proc { #{source} }", TOPLEVEL_BINDING.dup, __FILE__, __LINE__)
      Handle.new(raw).tap { |pointer| pointer.define_singleton_method(:free, &body) }
    }
  }

  # Ruby has no super to offer there: the body was not written as `free`.
  without_super = ["defined as an alias", "defined on the pointer alone from a block"]

  # What free does => what is logged when it has run.
  bodies = {
    "calling super" => ["Events.current << :own_free; super()", [:own_free, :released]],
    "destroying by itself" => ["Events.current << :own_free; Oracle.free(self)", [:own_free, :released]],
    "calling the release of its class" => [
      "Events.current << :own_free; self.class.release(self)", [:own_free, :released]
    ],
    "doing nothing" => ["Events.current << :own_free", [:own_free]]
  }

  ways.each do |way, make|
    describe way do
      bodies.each do |what, (source, when_run)|
        next if without_super.include?(way) && source.include?("super")

        [0, 1, 2, 3].each do |times|
          # Never called, it is not asked: GC and exit know the release only.
          expected = times.zero? ? [:released] : when_run

          it "#{what}, called #{times} times, leaves GC and exit the rest" do
            log = in_child do |events|
              out_of_reach do
                pointer = make.call(events.raw, source)
                times.times { pointer.free }
              end
              full_gc
              events << :collected

              @alive_at_exit = make.call(events.raw, source)
              times.times { @alive_at_exit.free }
            end
            expect(log).to eq [*expected, :collected, *expected]
          end
        end
      end
    end
  end

  # It has come past the hooks, and is found when the first pointer is made.
  it "is left as it is in a frozen class, which is said once" do
    child = fork_child do |events|
      type = Class.new(Handle) do
        def self.method_added(_) = nil
        def self.to_s = "Texture"
        def free = super
        freeze
      end
      2.times { type.new(events.raw).free }
    end
    expect([child.events, child.status.success?]).to eq [%i[released released], true]
    expect(child.stderr).to eq "safe_pointer: Texture is frozen: its free is not guarded\n"
  end
end
