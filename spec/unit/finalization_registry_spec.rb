# frozen_string_literal: true

# What a registry takes, refuses and answers, by the clauses of ECMAScript it has from there. When it calls back:
# spec/integration/finalization_registry_spec.rb.
RSpec.describe SafePointer::FinalizationRegistry do
  let(:registry) { described_class.new {} }

  describe "FinalizationRegistry ( cleanupCallback )" do
    it "needs a block (step 2)" do
      expect { described_class.new }.to raise_error(ArgumentError, "#{described_class}.new: needs a block")
    end

    it "takes a block of any arity, a lambda and a method included" do
      callables = [proc {}, proc { |_held| }, ->(_held) {}, method(:puts).to_proc, :inspect.to_proc]
      expect(callables.map { |callable| described_class.new(&callable) }).to all be_a described_class
    end

    it "shows its size, and of what it keeps nothing" do
      registry = described_class.new { nil }
      registry.register(Object.new, :held)
      expect([registry, described_class.allocate].map(&:inspect))
        .to eq %w[1 0].map { |size| "#<SafePointer::FinalizationRegistry size=#{size}>" }
    end

    it "is a class to be inherited from (step 3)" do
      type = Class.new(described_class)
      expect(type.new {}).to be_a type
      expect { type.new }.to raise_error(ArgumentError, "#{type}.new: needs a block")
    end

    it "takes a queue, or nil" do
      [nil, SafePointer::ReleaseQueue.new].each { |queue| expect { described_class.new(queue: queue) {} }.not_to raise_error }
    end

    [:queue, true, Thread::Queue.new, SafePointer::ReleaseQueue].each do |wrong|
      it "refuses #{wrong.inspect[0, 24]} for a queue" do
        expect { described_class.new(queue: wrong) {} }.to raise_error(
          TypeError, "#{described_class}.new: queue must be a SafePointer::ReleaseQueue, not #{wrong.inspect}"
        )
      end
    end
  end

  objects = {
    "an Object" => -> { Object.new },
    "a BasicObject" => -> { BasicObject.new },
    "an Array" => -> { [] },
    "a String" => -> { +"text" },
    "a class" => -> { Class.new },
    "a Proc" => -> { proc {} },
    "a pointer" => -> { FFI::Pointer.new(16) },
    "a registry" => -> { described_class.new {} },
    "an object that equals everything" => lambda {
      Class.new {
        def equal?(_other) = true
        def ==(_other) = true
        def hash = 0
        def eql?(_other) = true
      }.new
    },
    "an object that takes itself for nil" => -> { Class.new { def nil? = true }.new }
  }
  numbers_and_the_like = {
    "nil" => nil, "true" => true, "false" => false, "an Integer" => 1, "a Float" => 1.5, "a huge Integer" => 2**100,
    "a Symbol" => :symbol
  }

  describe "CanBeHeldWeakly" do
    objects.each do |what, make|
      it "is true of #{what}, as a target (register, step 3)" do
        expect(registry.register(instance_exec(&make), "held")).to be_nil
      end

      it "is true of #{what}, as a token (register, step 5)" do
        token = instance_exec(&make)
        expect(registry.register(target = Object.new, "held", token)).to be_nil
        expect(registry.unregister(token)).to be true
        expect(target).to be_an Object
      end
    end

    numbers_and_the_like.each do |what, value|
      it "is false of #{what}, as a target" do
        message = "#{described_class}#register: #{value.inspect} cannot be a target"
        expect { registry.register(value, "held") }.to raise_error(TypeError, message)
      end

      it "is false of #{what}, as the token of unregister (step 3)" do
        message = "#{described_class}#unregister: #{value.inspect} cannot be a token"
        expect { registry.unregister(value) }.to raise_error(TypeError, message)
      end

      next if value.nil?

      it "is false of #{what}, as the token of register, which then registers nothing (step 5a)" do
        message = "#{described_class}#register: #{value.inspect} cannot be a token"
        expect { registry.register(Object.new, "held", value) }.to raise_error(TypeError, message)
      end
    end

    it "is false of what is frozen, as a target: Ruby allows it no finalizer" do
      [Object.new.freeze, "text".freeze, [].freeze].each do |target|
        message = "#{described_class}#register: #{target.inspect} cannot be a target"
        token = Object.new
        expect { registry.register(target, "held", token) }.to raise_error(TypeError, message)
        expect(registry.unregister(token)).to be false
      end
    end

    it "is true of what is frozen, as a token" do
      registry.register(target = Object.new, "held", token = Object.new.freeze)
      expect(registry.unregister(token)).to be true
      expect(target).not_to be_nil
    end
  end

  describe "FinalizationRegistry.prototype.register" do
    it "refuses a target that is held for itself (step 4: SameValue)" do
      [Object.new, +"text", []].each do |target|
        message = "#{described_class}#register: #{target.inspect} cannot be held for itself"
        expect { registry.register(target, target) }.to raise_error(TypeError, message)
      end
    end

    it "takes a held value that only equals the target" do
      expect(registry.register(+"text", +"text")).to be_nil
    end

    it "takes anything to be held, itself and its own token included" do
      token = Object.new
      [nil, 1, :symbol, "text", BasicObject.new, registry].each { |held| registry.register(Object.new, held) }
      expect(registry.register(Object.new, token, token)).to be_nil
      expect(registry.unregister(token)).to be true
    end

    it "takes the target for its own token" do
      target = Object.new
      expect(registry.register(target, "held", target)).to be_nil
      expect(registry.unregister(target)).to be true
    end

    it "takes itself for a target and for a token" do
      expect(registry.register(registry, "held", registry)).to be_nil
      expect(registry.unregister(registry)).to be true
    end

    it "returns nil, like undefined (step 8)" do
      expect(registry.register(Object.new, "held")).to be_nil
    end

    it "needs a target and something to hold" do
      expect { registry.register }.to raise_error(ArgumentError)
      expect { registry.register(Object.new) }.to raise_error(ArgumentError)
      expect { registry.register(Object.new, 1, Object.new, 2) }.to raise_error(ArgumentError)
    end
  end

  describe "FinalizationRegistry.prototype.unregister" do
    let(:targets) { Array.new(4) { Object.new } }
    let(:tokens) { Array.new(2) { Object.new } }

    it "is false of an unknown token (step 4)" do
      expect(registry.unregister(Object.new)).to be false
    end

    it "is false of a target that was registered without a token" do
      registry.register(targets.first, "held")
      expect(registry.unregister(targets.first)).to be false
    end

    it "is true once, however often the token was used (steps 5 and 6)" do
      targets.each { |target| registry.register(target, "held", tokens.first) }
      expect(Array.new(2) { registry.unregister(tokens.first) }).to eq [true, false]
    end

    it "leaves what has another token, and what has none" do
      targets.each_with_index { |target, i| registry.register(target, "held", [*tokens, nil][i % 3]) }
      expect(tokens.map { |token| registry.unregister(token) }).to eq [true, true]
    end

    it "tells tokens apart that are equal" do
      registry.register(targets.first, "held", +"token")
      expect(registry.unregister(+"token")).to be false
    end

    it "knows nothing of another registry's tokens" do
      registry.register(targets.first, "held", tokens.first)
      expect(described_class.new {}.unregister(tokens.first)).to be false
    end

    it "lets the same target be registered again with the same token" do
      2.times do
        registry.register(targets.first, "held", tokens.first)
        expect(registry.unregister(tokens.first)).to be true
      end
    end

    # Other threads may register at any point of it.
    it "is not disturbed by what is registered meanwhile" do
      3.times { |i| registry.register(targets[i], "held", tokens.first) }
      others = []
      meanwhile = TracePoint.new(:line, :b_call) do |point|
        next unless point.path.end_with?("finalization_registry.rb") && others.size < 100

        registry.register(others.push(Object.new).last, "held", tokens.last)
      end
      expect(meanwhile.enable(target_thread: Thread.current) { registry.unregister(tokens.first) }).to be true
      expect(others).not_to be_empty
      expect(registry.unregister(tokens.last)).to be true
    end
  end
end
