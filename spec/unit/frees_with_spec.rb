# frozen_string_literal: true

# Other names under which a class is freed. The methods log their name, and "mine" stands for the destructor
# that the class would call in them.
RSpec.describe SafePointer, ".frees_with" do
  # A class whose methods `names` destroy the pointer themselves.
  def handle(*names, &body)
    Class.new(Handle) do
      names.each do |name|
        define_method(name) do |*arguments, **options, &block|
          Events.current << [name, *arguments, *options]
          Oracle.free(self)
          block&.call
          :mine
        end
      end
      class_eval(&body) if body
    end
  end

  places = {
    "before it" => lambda do |type|
      type.class_eval { def close = Oracle.free(self) }
      type.frees_with(:close)
    end,
    "after it" => lambda do |type|
      type.frees_with(:close)
      type.class_eval { def close = Oracle.free(self) }
    end,
    "by define_method" => lambda do |type|
      type.frees_with(:close)
      type.define_method(:close) { Oracle.free(self) }
    end,
    "by alias_method" => lambda do |type|
      type.frees_with(:close)
      type.class_eval { def destroy = Oracle.free(self) }
      type.alias_method(:close, :destroy)
    end,
    "in a mixin, included before" => lambda do |type|
      type.include(Module.new { def close = Oracle.free(self) })
      type.frees_with(:close)
    end,
    "in a mixin, included after" => lambda do |type|
      type.frees_with(:close)
      type.include(Module.new { def close = Oracle.free(self) })
    end,
    "in a module that is prepended" => lambda do |type|
      type.frees_with(:close)
      type.prepend(Module.new { def close = Oracle.free(self) })
    end,
    "in a mixin, after that was included" => lambda do |type|
      mixin = Module.new
      type.frees_with(:close)
      type.include(mixin)
      mixin.module_eval { def close = Oracle.free(self) }
    end,
    "twice" => lambda do |type|
      type.frees_with(:close)
      type.class_eval { def close = raise("defined again") }
      type.remove_method(:close)
      type.class_eval { def close = Oracle.free(self) }
    end,
    "with its name as a String" => lambda do |type|
      type.frees_with("close", "destroy")
      type.class_eval { def close = Oracle.free(self) }
    end
  }

  places.each do |where, define|
    it "guards a method defined #{where}" do
      log = in_child do |events|
        type = Class.new(Handle).tap(&define)
        out_of_reach { 2.times.with_object(type.new(events.raw(:dropped))) { |_, pointer| pointer.close } }
        full_gc
        events << :collected
        @alive_at_exit = type.new(events.raw(:kept))
        @alive_at_exit.close
        events << [@alive_at_exit.close, @alive_at_exit.free, @alive_at_exit.freed?, @alive_at_exit.null?]
      end
      expect(log).to eq [[:released, :dropped], :collected, [:released, :kept], [nil, nil, true, true]]
    end
  end

  it "guards a method that the class inherits, and spares its superclass" do
    log = in_child do |events|
      parent = handle(:close)
      child = Class.new(parent) { frees_with :close }
      pointer = child.new(events.raw(:child))
      events << [pointer.close, pointer.close, pointer.freed?]
      other = parent.new(events.raw(:parent))
      other.autorelease = false
      events << [other.close, other.freed?]
    end
    expect(log).to eq [[:close], [:released, :child], [:mine, nil, true], [:close], [:released, :parent], [:mine, false]]
  end

  it "is inherited by subclasses: for what they inherit and for what they define" do
    log = in_child do |events|
      parent = handle(:close) { frees_with :close, :destroy }
      child = Class.new(parent) do
        def destroy
          Events.current << :child
          Oracle.free(self)
        end
      end
      events << %i[close destroy].map { |name| Array.new(2) { |_| child.new(events.raw).public_send(name) } }.map(&:size)
      pointer = child.new(events.raw)
      pointer.destroy
      events << [pointer.destroy, pointer.close, pointer.free]
    end
    expect(log).to eq [*[[:close], :released] * 2, *[:child, :released] * 2, [2, 2], :child, :released, [nil, nil, nil]]
  end

  it "reaches the superclass's method by super, once along the chain" do
    log = in_child do |events|
      parent = handle(:close) { frees_with :close }
      child = Class.new(parent) do
        def close
          Events.current << :child
          super
        end
      end
      pointer = child.new(events.raw)
      events << [pointer.close, pointer.close]
    end
    expect(log).to eq [:child, [:close], :released, [:mine, nil]]
  end

  it "adds up over several calls, and takes a name twice" do
    log = in_child do |events|
      type = handle(:close, :destroy, :finalize!) do
        frees_with :close
        frees_with :destroy, :close
        frees_with :finalize!
      end
      %i[close destroy finalize!].each do |name|
        pointer = type.new(events.raw)
        pointer.public_send(name)
        events << [pointer.close, pointer.destroy, pointer.finalize!, pointer.free]
      end
    end
    nothing = [nil] * 4
    expect(log).to eq [[:close], :released, nothing, [:destroy], :released, nothing, [:finalize!], :released, nothing]
  end

  it "works for pointers that exist already" do
    log = in_child do |events|
      type = handle(:close)
      pointer = type.new(events.raw)
      type.frees_with(:close)
      events << [pointer.close, pointer.close]
    end
    expect(log).to eq [[:close], :released, [:mine, nil]]
  end

  # What comes to a class when pointers of its subclasses exist, or to a class whose pointers have methods of their own.
  describe "for pointers that exist" do
    bases = {
      "a pointer class" => Handle,
      "a class with a C function" => Class.new(SafePointer) { release_with Oracle, :free },
      "a struct class" => Class.new(SafePointer::ManagedStruct) { def self.release(raw) = Oracle.free(raw) }
    }
    # What is in the body of a superclass and of the class before there is a pointer, and what comes then.
    bases.each do |what, base|
      layered = what == "a struct class" ? "layout :x, :int" : ""
      destroy = "def close = Oracle.free(to_ptr)"
      {
        "a method of the superclass" => ["", "frees_with :close", ->(top, _, _) { top.class_eval(destroy) }],
        "a method of the superclass, by define_method" =>
          ["", "frees_with :close", ->(top, _, _) { top.define_method(:close) { Oracle.free(to_ptr) } }],
        "a method in a mixin of the superclass" =>
          ["", "frees_with :close", ->(top, _, _) { top.include(Module.new { class_eval(destroy) }) }],
        "a method in a module that is prepended to the superclass" =>
          ["", "frees_with :close", ->(top, _, _) { top.prepend(Module.new { class_eval(destroy) }) }],
        "the name in the superclass" => ["", destroy, ->(top, _, _) { top.frees_with :close }],
        "the name in the superclass, for a method in a mixin" =>
          ["", "include(Module.new { #{destroy} })", ->(top, _, _) { top.frees_with :close }],
        "the name, for the pointer's own method" => lambda do |top, _, pointer|
          pointer.instance_eval("def self.close = Oracle.free(to_ptr)", __FILE__, __LINE__)
          top.frees_with :close
        end,
        "the name, for a method that the pointer is extended with" => lambda do |_, type, pointer|
          pointer.extend(Module.new { class_eval(destroy) })
          type.frees_with :close
        end
      }.each do |which, (of_top, of_type, change)|
        of_top, of_type, change = "", "", of_top if of_top.is_a?(Proc)
        it "guards #{which}, with #{what}" do
          log = in_child do |events|
            top = Class.new(base) { class_eval(of_top, __FILE__, __LINE__) }
            type = Class.new(Class.new(top)) { class_eval("#{layered}\n#{of_type}", __FILE__, __LINE__) }
            @alive_at_exit = type.new(events.raw)
            change.call(top, type, @alive_at_exit)
            2.times { @alive_at_exit.close }
            events << @alive_at_exit.freed?
          end
          expect(log).to eq [:released, true]
        end
      end
    end

    it "spares the superclass, and subclasses that do not say the name" do
      log = in_child do |events|
        top = Class.new(Handle)
        named, other = Class.new(top) { frees_with :close }, Class.new(top)
        pointers = [named, other, top].map { |type| type.new(events.raw) }
        top.class_eval { def close = :closed }
        events << pointers.map { |pointer| [pointer.close, pointer.close] } << pointers.map(&:freed?)
        pointers.each(&:free)
      end
      expect(log).to eq [[[:closed, nil], *[[:closed, :closed]] * 2], [true, false, false], :released, :released]
    end
  end

  it "passes arguments, keywords and the block on, and the value back" do
    log = in_child do |events|
      pointer = handle(:close) { frees_with :close }.new(events.raw)
      events << pointer.close(1, :two, three: 3) { events << :block }
    end
    expect(log).to eq [[:close, 1, :two, [:three, 3]], :released, :block, :mine]
  end

  it "lets an ArgumentError pass, which is no release" do
    log = in_child do |events|
      type = Class.new(Handle) do
        frees_with :close

        def close(mode, force: false) = mode == :now && !force && Oracle.free(self)
      end
      pointer = type.new(events.raw)
      events << [(pointer.close rescue $!.class), (pointer.close(:now, hard: true) rescue $!.class), pointer.freed?]
      pointer.close(:now)
      events << pointer.freed?
    end
    expect(log).to eq [[ArgumentError, ArgumentError, false], :released, true]
  end

  it "counts as freed when the method raises, and does not run it again" do
    log = in_child do |events|
      type = Class.new(Handle) do
        frees_with :close

        def close
          Events.current << :entered
          raise IOError, "busy"
        end
      end
      @alive_at_exit = type.new(events.raw)
      events << (@alive_at_exit.close rescue $!.message)
      events << [@alive_at_exit.close, @alive_at_exit.free, @alive_at_exit.freed?]
    end
    expect(log).to eq [:entered, "busy", [nil, nil, true]]
  end

  it "calls the release callable once where the method calls super's free" do
    log = in_child do |events|
      type = Class.new(Handle) do
        frees_with :close

        def close
          Events.current << :close
          free
          free
        end
      end
      pointer = type.new(events.raw)
      events << [pointer.close, pointer.close]
    end
    expect(log).to eq [:close, :released, [nil, nil]]
  end

  it "does not run at GC and exit, where the release of the class does" do
    log = in_child do |events|
      type = handle(:close) { frees_with :close }
      out_of_reach { type.new(events.raw(:dropped)) }
      full_gc
      @alive_at_exit = type.new(events.raw(:kept))
    end
    expect(log).to eq [[:released, :dropped], [:released, :kept]]
  end

  it "works with autorelease off, on frozen pointers, and not on NULL" do
    log = in_child do |events|
      type = handle(:close) { frees_with :close }
      off = type.new(events.raw(:off))
      off.autorelease = false
      pointers = [off, type.new(events.raw(:frozen)).freeze, type.new(FFI::Pointer::NULL)]
      pointers.each { |pointer| events << [pointer.close, pointer.close, pointer.freed?] }
    end
    expect(log).to eq [
      [:close], [:released, :off], [:mine, nil, true], [:close], [:released, :frozen], [:mine, nil, true], [nil, nil, true]
    ]
  end

  describe "beside a free of the class's own" do
    bodies = {
      "each destroys" => ["Oracle.free(self)", "Oracle.free(self)"],
      "close calls free, which destroys" => ["Oracle.free(self)", "free"],
      "free calls close, which destroys" => ["close", "Oracle.free(self)"],
      "close calls free, which calls super" => ["super", "free"],
      "free calls close, which calls the class's release" => ["close", "self.class.release(self)"],
      "each calls the other, and free super, too" => ["close; super", "free"],
      "each destroys by release and super" => ["super; self.class.release(self)", "self.class.release(self); free"]
    }

    bodies.each do |what, (free, close)|
      [%i[free close], %i[close free], %i[free free], %i[close close]].each do |first, second|
        it "releases once by #{first}, then #{second}, where #{what}" do
          log = in_child do |events|
            type = Class.new(Handle) do
              frees_with :close
              class_eval("def free\n#{free}\nend\ndef close\n#{close}\nend", __FILE__, __LINE__)
            end
            @alive_at_exit = type.new(events.raw)
            @alive_at_exit.public_send(first)
            events << [@alive_at_exit.public_send(second), @alive_at_exit.freed?]
          end
          expect(log).to eq [:released, [nil, true]]
        end
      end
    end
  end

  it "keeps private and protected methods so" do
    type = handle(:close, :destroy) do
      private :close
      protected :destroy
      frees_with :close, :destroy
    end
    expect([type.private_method_defined?(:close), type.protected_method_defined?(:destroy)]).to eq [true, true]
  end

  it "guards the methods of a single pointer, by singleton method and by extend" do
    log = in_child do |events|
      type = Class.new(Handle) { frees_with :close }
      single = type.new(events.raw(:single))
      def single.close = Oracle.free(self)
      extended = type.new(events.raw(:extended)).extend(Module.new { def close = Oracle.free(self) })
      [single, extended].each { |pointer| events << [pointer.close, pointer.close, pointer.free] }
    end
    expect(log).to eq [[:released, :single], [nil, nil, nil], [:released, :extended], [nil, nil, nil]]
  end

  ["", "a b", "close=", "[]", "+", "close; exit", "1st", 3, nil, Object].each do |wrong|
    it "refuses #{wrong.inspect}, and says so" do
      type = Class.new(Handle) { def self.to_s = "Texture" }
      expect { type.frees_with(:close, wrong) }
        .to raise_error(ArgumentError, "Texture.frees_with: #{wrong.inspect} is no method name")
      expect(SafePointer::Guard.names(type)).to eq [:free]
    end
  end

  it "takes names that no method has" do
    type = Class.new(Handle) { frees_with :nothing_of_the_sort }
    expect(type.new(Oracle.create)).not_to respond_to :nothing_of_the_sort
  end

  it "is refused by the base class, whose subclasses would not know" do
    expect { SafePointer.frees_with(:close) }
      .to raise_error(ArgumentError, "SafePointer.frees_with: declare it in a subclass")
  end
end
