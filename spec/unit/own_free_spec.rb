# frozen_string_literal: true

# What a subclass's own `free` can rely on while it runs, and its callers after.
RSpec.describe "a free of one's own" do
  def handle_type(&body)
    Class.new(Handle, &body)
  end

  it "returns its own value at the first call, and nil afterwards without running" do
    log = in_child do |events|
      type = handle_type do
        def free
          super
          :mine
        end
      end
      pointer = type.new(events.raw)
      events << Array.new(3) { pointer.free }
    end
    expect(log).to eq [:released, [:mine, nil, nil]]
  end

  it "has the address until super has released, and NULL afterwards" do
    log = in_child do |events|
      type = handle_type do
        define_method(:free) do
          events << [null?, freed?]
          super()
          events << [null?, address]
        end
      end
      type.new(events.raw).free
    end
    expect(log).to eq [[false, false], :released, [true, 0]]
  end

  it "leaves NULL behind if it destroys by itself" do
    log = in_child do |events|
      type = handle_type do
        define_method(:free) do
          Oracle.free(self)
          events << [null?, freed?]
        end
      end
      pointer = type.new(events.raw)
      pointer.free
      events << [pointer.null?, pointer.freed?]
    end
    expect(log).to eq [:released, [false, false], [true, true]]
  end

  it "leaves NULL behind if it raises, and is not tried again" do
    log = in_child do |events|
      type = handle_type do
        define_method(:free) do
          events << :own_free
          raise IOError, "busy"
        end
      end
      pointer = type.new(events.raw)
      events << (pointer.free rescue $!.message)
      events << [pointer.free, pointer.null?, pointer.freed?]
    end
    expect(log).to eq [:own_free, "busy", [nil, true, true]]
  end

  it "gets the exception of the release from super" do
    log = in_child do |events|
      type = Class.new(SafePointer) do
        define_method(:free) do
          super()
        rescue IOError => e
          events << [:rescued, e.message]
        end
      end
      pointer = type.new(events.raw, ->(_) { raise IOError, "busy" })
      pointer.free
      events << [pointer.free, pointer.freed?]
    end
    expect(log).to eq [[:rescued, "busy"], [nil, true]]
  end

  it "releases once by any number of supers" do
    log = in_child do |events|
      type = handle_type do
        define_method(:free) { events << [super(), super()] }
      end
      type.new(events.raw).free
    end
    expect(log).to eq [:released, [nil, nil]]
  end

  it "releases once by super and the release of its class together" do
    log = in_child do |events|
      type = handle_type do
        define_method(:free) do
          self.class.release(self)
          super()
        end
      end
      type.new(events.raw).free
      events << :freed
    end
    expect(log).to eq [:released, :freed]
  end

  # What it does with its @releaser.
  {
    "gives it to its releaser twice" => [->(releaser, raw) { 2.times { releaser.release(raw) } }, [:released]],
    "gives it to its releaser, which has nothing to call" => [
      lambda { |releaser, raw|
        releaser.instance_variable_set(:@proc, nil)
        releaser.release(raw)
      }, []
    ],
    "calls its releaser, which it has kept from releasing" => [
      lambda { |releaser, _|
        releaser.autorelease = false
        releaser.call
      }, []
    ],
    "calls its releaser twice" => [->(releaser, _) { 2.times { releaser.call } }, [:released]]
  }.each do |what, (way, released)|
    it "#{what}, and that is its release" do
      log = in_child do |events|
        raw = events.raw
        type = Class.new(SafePointer) { define_method(:free) { way.call(instance_variable_get(:@releaser), raw) } }
        pointer = type.new(raw, Oracle.method(:free))
        2.times { pointer.free }
        events << [pointer.freed?, pointer.null?]
      end
      expect(log).to eq [*released, [true, true]]
    end
  end

  # As what has worked with AutoPointer.
  {
    "of a class with a release" => -> { Class.new(Handle) },
    "of a class with a C function" => -> { Class.new(SafePointer) { release_with Oracle, :free } }
  }.each do |what, make|
    {
      "" => -> {},
      ", where another class has changed since" => -> { Class.new(SafePointer).define_singleton_method(:release) { |_| } }
    }.each do |when_, change|
      it "gives the pointer itself, #{what}, to its releaser#{when_}" do
        log = in_child do |events|
          pointers = [make.call.new(events.raw), make.call.new(events.raw, size: 8)]
          pointers.each { |pointer| def pointer.free = @releaser.release(self) }
          change.call
          pointers.each { |pointer| 2.times { pointer.free } }
          events << pointers.map(&:freed?)
        end
        expect(log).to eq [:released, :released, [true, true]]
      end
    end
  end

  it "returns nil at once when it calls itself" do
    log = in_child do |events|
      type = handle_type do
        define_method(:free) do
          events << [:inner, free]
          super()
        end
      end
      type.new(events.raw).free
    end
    expect(log).to eq [[:inner, nil], :released]
  end

  it "is not run by the release it calls" do
    log = in_child do |events|
      type = Class.new(SafePointer) do
        define_method(:free) do
          events << :own_free
          super()
        end
      end
      pointer = nil
      pointer = type.new(events.raw, lambda { |raw|
        events << [:inner, pointer.free]
        Oracle.free(raw)
      })
      pointer.free
    end
    expect(log).to eq [:own_free, [:inner, nil], :released]
  end

  it "works on a frozen pointer" do
    log = in_child do |events|
      type = handle_type do
        define_method(:free) do
          events << :own_free
          super()
        end
      end
      pointer = type.new(events.raw).freeze
      pointer.free
      events << [pointer.free, pointer.freed?, pointer.null?]
    end
    expect(log).to eq [:own_free, :released, [nil, true, true]]
  end

  it "runs once through a chain of classes and mixins" do
    log = in_child do |events|
      step = ->(name) { Module.new { define_method(:free) { events << name and super() } } }
      parent = handle_type do
        include step.call(:parent_mixin)
        define_method(:free) { events << :parent and super() }
      end
      child = Class.new(parent) do
        prepend step.call(:prepended)
        define_method(:free) { events << :child and super() }
      end
      pointer = child.new(events.raw).extend(step.call(:extended))
      2.times { pointer.free }
    end
    expect(log).to eq [:extended, :prepended, :child, :parent, :parent_mixin, :released]
  end

  it "stays private if it was" do
    log = in_child do |events|
      pointer = handle_type do
        private def free = super
      end.new(events.raw)
      events << (pointer.free rescue $!.class)
      events << pointer.freed?
    end
    expect(log).to eq [NoMethodError, false, :released]
  end

  it "stays a method of the class that wrote it" do
    type = handle_type { def free = super }
    expect(type.instance_method(:free).owner).to be type
  end

  it "leaves a mixin alone where no pointer is concerned" do
    calls = []
    mixin = Module.new { define_method(:free) { calls << self.class } }
    handle_type { include mixin }
    plain = Class.new { include mixin }
    Array.new(2) { plain.new.free }
    object = plain.new
    2.times { object.free }
    expect(calls).to eq [plain] * 4
  end

  it "leaves other pointers alone that do not have it" do
    log = in_child do |events|
      extended = Handle.new(events.raw(:extended))
      plain = Handle.new(events.raw(:plain))
      extended.extend(Module.new { define_method(:free) { events << :own_free and super() } })
      plain.free
      extended.free
    end
    expect(log).to eq [[:released, :plain], :own_free, [:released, :extended]]
  end
end
