# frozen_string_literal: true

RSpec.describe "a free of one's own, with arguments" do
  signature = "free(mode, *rest, fast: false, **options, &block)"
  body = <<~RUBY
    Events.current << [mode, rest, fast, options, block&.call]
    super()
  RUBY

  ways = {
    "defined with def" => ->(raw) { Class.new(Handle) { class_eval("def #{signature}\n#{body}\nend") }.new(raw) },
    "from an included mixin" => lambda { |raw|
      mixin = Module.new { class_eval("def #{signature}\n#{body}\nend") }
      Class.new(Handle) { include mixin }.new(raw)
    },
    "from a prepended mixin" => lambda { |raw|
      mixin = Module.new { class_eval("def #{signature}\n#{body}\nend") }
      Class.new(Handle) { prepend mixin }.new(raw)
    },
    "from a mixin the pointer is extended with" => lambda { |raw|
      Handle.new(raw).extend(Module.new { class_eval("def #{signature}\n#{body}\nend") })
    },
    "defined on the pointer alone" => lambda { |raw|
      Handle.new(raw).tap { |pointer| pointer.instance_eval("def self.#{signature}\n#{body}\nend") }
    }
  }

  ways.each do |way, make|
    describe way do
      it "gets them all: positional, keyword and block" do
        log = in_child do |events|
          pointer = make.call(events.raw)
          pointer.free(:now, 2, {three: 3}, fast: true, depth: 4) { :block }
        end
        expect(log).to eq [[:now, [2, {three: 3}], true, {depth: 4}, :block], :released]
      end

      it "gets the least it takes" do
        log = in_child { |events| make.call(events.raw).free(:now) }
        expect(log).to eq [[:now, [], false, {}, nil], :released]
      end

      it "is not run again with other arguments" do
        log = in_child do |events|
          pointer = make.call(events.raw)
          pointer.free(:now)
          events << [pointer.free(:now), pointer.free(:later), pointer.free(:late, 2, fast: true) { :block }]
        end
        expect(log).to eq [[:now, [], false, {}, nil], :released, [nil, nil, nil]]
      end

      it "is not released by a call with the wrong number of them" do
        log = in_child do |events|
          pointer = make.call(events.raw)
          events << (pointer.free rescue $!.class)
          events << [pointer.freed?, pointer.null?]
          pointer.free(:now)
        end
        expect(log).to eq [ArgumentError, [false, false], [:now, [], false, {}, nil], :released]
      end
    end
  end

  # Signatures that a forwarding method gets wrong easily, and a call for each.
  {
    "(...)" => ["def free(...) = log(...)", [:now, {fast: true}], {}],
    "(mode, options = {})" => ["def free(mode, options = {}) = log(mode, **options)", [:now], {fast: true}],
    "(options)" => ["def free(options) = log(:now, **options)", [], {fast: true}],
    "ruby2_keywords (*arguments)" => ["ruby2_keywords def free(*arguments) = log(*arguments)", [:now], {fast: true}],
    "((first, second), *)" => ["def free((first, second), *) = log(first, fast: second)", [[:now, true]], {}],
    "(mode, fast:)" => ["def free(mode, fast:) = log(mode, fast: fast)", [:now], {fast: true}],
    "(mode, **nil)" => ["def free(mode, **nil) = log(mode, fast: true)", [:now], {}]
  }.each do |parameters, (source, arguments, keywords)|
    it "gets them as its signature #{parameters} says" do
      log = in_child do |events|
        type = Class.new(Handle) do
          class_eval(source)
          private def log(mode, hash = {}, **keywords) = Events.current << [mode, hash.merge(keywords)]
        end
        pointer = type.new(events.raw)
        2.times { pointer.free(*arguments, **keywords) }
      end
      expect(log).to eq [[:now, {fast: true}]]
    end
  end

  it "gets one that is no Object" do
    log = in_child do |events|
      type = Class.new(Handle) { define_method(:free) { |*arguments, fast: true| events << [arguments.size, fast] } }
      type.new(events.raw).free(BasicObject.new)
    end
    expect(log).to eq [[1, true]]
  end

  it "is not released by a call with too many" do
    log = in_child do |events|
      type = Class.new(Handle) { define_method(:free) { |mode| events << mode and super() } }
      pointer = type.new(events.raw)
      events << (pointer.free(1, 2) rescue $!.class)
      pointer.free(:now)
    end
    expect(log).to eq [ArgumentError, :now, :released]
  end

  it "is not released by a call with an unknown keyword, or without a required one" do
    log = in_child do |events|
      type = Class.new(Handle) { define_method(:free) { |mode:| events << mode and super() } }
      pointer = type.new(events.raw)
      events << (pointer.free(mode: 1, speed: 2) rescue $!.class)
      events << (pointer.free rescue $!.class)
      pointer.free(mode: :now)
    end
    expect(log).to eq [ArgumentError, ArgumentError, :now, :released]
  end

  it "is released by GC after a call with the wrong number of them" do
    log = in_child do |events|
      type = Class.new(Handle) { def free(mode) = super() }
      out_of_reach do
        pointer = type.new(events.raw)
        events << (pointer.free rescue $!.class)
      end
      full_gc
      events << :collected
    end
    expect(log).to eq [ArgumentError, :released, :collected]
  end

  it "counts as freed when the ArgumentError is its own" do
    log = in_child do |events|
      type = Class.new(Handle) do
        define_method(:free) do |mode|
          events << :own_free
          Integer(mode)
        end
      end
      pointer = type.new(events.raw)
      events << (pointer.free("now") rescue $!.class)
      events << [pointer.free("now"), pointer.freed?]
    end
    expect(log).to eq [:own_free, ArgumentError, [nil, true]]
  end

  it "may hand them on with a bare super" do
    log = in_child do |events|
      type = Class.new(Handle) { def free(mode, wait: true) = super }
      pointer = type.new(events.raw)
      events << pointer.free(:now, wait: false) << [pointer.freed?, pointer.free(:now)]
    end
    expect(log).to eq [:released, nil, [true, nil]]
  end
end
