# frozen_string_literal: true

require_relative "parity"

Parity.describe "a subclass" do
  it "may take other arguments than its superclass" do
    log = log_of do |events, base|
      type = Class.new(base) do
        attr_reader :title

        def initialize(title, size:)
          super(Oracle.create(title, size: size), Oracle.method(:free))
          @title = title
        end
      end
      pointer = type.new(:main, size: 8)
      events << pointer.title
      pointer.free
    end
    expect(log).to eq [:main, [:released, :main]]
  end

  it "may pass on what it was given, and more, with a bare super" do
    log = log_of do |events, base|
      type = handle(base) do
        def initialize(raw, *)
          super
          put_int(0, 42)
        end
      end
      pointer = type.new(events.raw(:first))
      events << pointer.get_int(0)
      pointer.free
      type.new(events.raw(:second), ->(raw) { events << :callable and Oracle.free(raw) }).free
    end
    expect(log).to eq [42, [:released, :first], :callable, [:released, :second]]
  end

  passings = {
    "super(raw)" => "super(raw)",
    "super(raw, &block)" => "super(raw, &block)",
    "a bare super" => "super"
  }

  passings.each do |what, code|
    it "may take a block for itself, with #{what}: it is not the release" do
      log = log_of do |events, base|
        type = handle(base) do
          class_eval(<<~RUBY, __FILE__, __LINE__ + 1)
            def initialize(raw, &block)
              #{code}
              block.call(self)
            end
          RUBY
        end
        pointer = type.new(events.raw) { |given| events << [:block, given.address.positive?] }
        pointer.free
        out_of_reach { type.new(events.raw(:collected)) { |_| events << :block } }
        full_gc
      end
      expect(log).to eq [[:block, true], :released, :block, [:released, :collected]]
    end
  end

  it "may take a block beside a callable" do
    log = log_of do |events, base|
      type = Class.new(base) do
        def initialize(raw)
          super(raw, Oracle.method(:free))
          yield self
        end
      end
      type.new(events.raw) { |_| events << :block }.free
    end
    expect(log).to eq [:block, :released]
  end

  it "may have an initialize that never calls super: there is nothing to release" do
    log = log_of do |events, base|
      type = handle(base) do
        attr_reader :title

        def initialize(title) = @title = title
      end
      out_of_reach { type.new(:dropped) }
      full_gc
      @kept = type.new(:main)
      events << [@kept.title, @kept.null?, @kept.address, @kept.is_a?(FFI::Pointer)]
    end
    expect(log).to eq [[:main, true, 0, true]]
  end

  it "may call FFI::Pointer's initialize and look after the memory itself" do
    log = log_of do |events, base|
      type = handle(base) do
        def initialize(raw) = FFI::Pointer.instance_method(:initialize).bind_call(self, raw)
        def free = Oracle.free(self)
      end
      pointer = type.new(events.raw)
      pointer.write_int(42)
      events << pointer.read_int
      pointer.free
      events << :freed
    end
    expect(log).to eq [42, :released, :freed]
  end

  it "may raise in its initialize after super: the pointer is released at GC" do
    log = log_of do |events, base|
      type = handle(base) do
        def initialize(raw)
          super
          raise IOError, "not today"
        end
      end
      out_of_reach { error { type.new(events.raw) } }
      full_gc
      events << :collected
    end
    expect(log).to eq [:released, :collected]
  end

  it "may make its instances by a method of its own, with new private" do
    log = log_of do |events, base|
      type = handle(base) do
        private_class_method :new
        def self.wrap(raw) = new(raw)
      end
      events << (error { type.new(events.raw) })
      pointer = type.wrap(events.raw(:main))
      events << pointer.class.equal?(type)
      pointer.free
    end
    expect(log).to eq [NoMethodError, true, [:released, :main]]
  end

  it "may come in several levels, with a release of their own each" do
    log = log_of do |events, base|
      parent = Class.new(base) do
        define_singleton_method(:release) { |raw| events << :parent and Oracle.free(raw) }
      end
      child = Class.new(parent) { define_singleton_method(:release) { |raw| events << :child and super(raw) } }
      parent.new(events.raw).free
      child.new(events.raw).free
    end
    expect(log).to eq [:parent, :released, :child, :parent, :released]
  end

  it "may mix in Comparable" do
    log = log_of do |events, base|
      type = handle(base) do
        include Comparable

        attr_accessor :rank

        def <=>(other) = rank <=> other.rank
      end
      pointers = [2, 3, 1].map { |rank| type.new(events.raw).tap { |pointer| pointer.rank = rank } }
      events << pointers.sort.map(&:rank) << pointers.max.rank << (pointers[0] == pointers[0].itself)
      events << pointers[0].between?(pointers[2], pointers[1])
      pointers.each { |pointer| pointer.autorelease = false }
    end
    expect(log).to eq [[1, 2, 3], 3, true, true]
  end

  it "may mix in Enumerable" do
    log = log_of do |events, base|
      type = handle(base) do
        include Enumerable

        def each = 4.times { |index| yield get_int32(index * 4) }
      end
      pointer = type.new(events.raw)
      pointer.write_array_of_int32([3, 1, 4, 1])
      events << pointer.sort << pointer.include?(4)
      pointer.free
    end
    expect(log).to eq [[1, 1, 3, 4], true, :released]
  end

  it "may have methods by method_missing" do
    log = log_of do |events, base|
      type = handle(base) do
        def respond_to_missing?(name, all) = name == :answer || super
        def method_missing(name, *) = name == :answer ? 42 : super
      end
      pointer = type.new(events.raw)
      events << pointer.answer << (error { pointer.question })
      pointer.free
    end
    expect(log).to eq [42, NoMethodError, :released]
  end

  it "may have instance variables, also of frozen instances" do
    log = log_of do |events, base|
      type = handle(base) do
        attr_accessor :title, :owner
      end
      pointer = type.new(events.raw)
      pointer.title = "main"
      pointer.owner = [1]
      pointer.freeze
      events << [pointer.title, pointer.owner, (pointer.instance_variables - [:@releaser]).sort]
      pointer.free
    end
    expect(log).to eq [["main", [1], [:@owner, :@title]], :released]
  end
end

Parity.describe "an owner of pointers" do
  it "may build a new pointer in its initialize_copy" do
    log = log_of do |events, base|
      type = handle(base)
      owner = Class.new do
        attr_reader :handle

        define_method(:initialize) { @handle = type.new(events.raw(:first)) }
        define_method(:initialize_copy) { |_| @handle = type.new(events.raw(:second)) }
      end
      first = owner.new
      second = first.dup
      events << (first.handle == second.handle)
      first.handle.free
      events << second.handle.null?
    end
    expect(log).to eq [false, [:released, :first], false, [:released, :second]]
  end

  it "keeps its pointer alive" do
    log = log_of do |events, base|
      @owner = Struct.new(:handle).new(handle(base).new(events.raw))
      full_gc
      events << :collected
    end
    expect(log).to eq [:collected, :released]
  end

  it "may be a subclass that owns another pointer" do
    log = log_of do |events, base|
      type = handle(base) do
        attr_accessor :inner

        def release_all
          inner.free
          free
        end
      end
      outer = type.new(events.raw(:outer))
      outer.inner = handle(base).new(events.raw(:inner))
      outer.release_all
      events << :freed
    end
    expect(log).to eq [[:released, :inner], [:released, :outer], :freed]
  end
end
