# frozen_string_literal: true

# Pointer classes have class methods of the program's own, whose names may be those of methods that every class has, or
# that this library has for its settings. They are none of the library's to call.
# Under GC stress it takes minutes, and makes no pointers that others do not.
RSpec.describe SafePointer, "beside class methods of the program's own", unless: GCLevel::CURRENT == "stress" do
  names = %i[
    ! != == === < <= <=> > >= __send__ alias_method ancestors class class_eval class_exec class_variable_get const_defined?
    const_get const_source_location declared_fork_policy define_method define_singleton_method dup equal? extend fork_policy
    freeze frozen? hash include include? included_modules inspect instance_method instance_methods instance_variable_defined?
    instance_variable_get instance_variable_set instance_variables is_a? kind_of? method method_defined? methods module_eval
    name native_release_address nil? object_id prepend private private_instance_methods private_method_defined? protected
    protected_method_defined? public public_instance_method public_method_defined? public_send release_queue remove_method
    respond_to? ruby2_keywords send singleton_class singleton_methods subclasses superclass tap then to_s undef_method
  ]

  # The names among `names` for which the block raises, or has what the program made of them called. It is given a class
  # whose class method of that name takes two arguments, as no method of Ruby's does that takes none or one.
  def disturbed(names, superclass)
    # Ruby warns of some of them.
    $VERBOSE = nil
    names.filter_map do |name|
      type = Class.new(superclass)
      called = false
      type.define_singleton_method(name) do |_, _ = nil, *|
        called = true
        raise "called"
      end
      yield type
      name if called
    rescue StandardError => error
      [name, error.class, error.message]
    end
  end

  # That the block, which is given a raw pointer as well, has it released once for each of the names, none of which
  # disturbs. `superclass` makes the superclass of the classes that have them.
  def expect_undisturbed(names, superclass)
    log = in_child do |events|
      events << disturbed(names, superclass.call) { |type| yield type, events.raw }
    end
    expect(log).to eq [*[:released] * names.size, []]
  end

  # Ruby's own methods, as the program would have them called by syntax.
  def reopen(type, code)
    Module.instance_method(:class_eval).bind_call(type, code)
  end

  def make(type, raw)
    Class.instance_method(:new).bind_call(type, raw)
  end

  {
    "a free" => "def free = Oracle.free(self)",
    "a free that calls super" => "def free = super",
    "a free with optional arguments" => "def free(_force = nil, **) = super()",
    "a free from a mixin" => "FREE = Module.new { def free = super }\nModule.instance_method(:include).bind_call(self, FREE)",
    "a free from a mixin that is prepended" =>
      "FREE = Module.new { def free = super }\nModule.instance_method(:prepend).bind_call(self, FREE)",
    "a release of its own" => "def self.release(raw) = Oracle.free(raw)",
    "a free that is defined twice" => "def free = raise\ndef free = Oracle.free(self)"
  }.each do |what, code|
    it "guards #{what}" do
      expect_undisturbed(names, -> { Handle }) do |type, raw|
        reopen(type, code)
        pointer = make(type, raw)
        2.times { pointer.free }
        raise "not freed" unless pointer.freed?
      end
    end
  end

  it "guards what is named by frees_with" do
    expect_undisturbed(names, -> { Class.new(Handle) { frees_with :close } }) do |type, raw|
      reopen(type, "def close = Oracle.free(self)")
      pointer = make(type, raw)
      2.times { pointer.close }
    end
  end

  it "guards a subclass" do
    expect_undisturbed(names, -> { Handle }) do |type, raw|
      heir = make(Class, type)
      reopen(heir, "def free = Oracle.free(self)")
      pointer = make(heir, raw)
      2.times { pointer.free }
    end
  end

  it "releases by a C function" do
    expect_undisturbed(names, -> { Class.new(SafePointer) { release_with Oracle, :free } }) do |type, raw|
      reopen(type, "def title = :main")
      pointer = make(type, raw)
      2.times { pointer.free }
    end
  end

  it "makes structs" do
    base = lambda do
      Class.new(SafePointer::ManagedStruct) do
        layout :x, :int
        def self.release(raw) = Oracle.free(raw)
      end
    end
    # Less those that ffi's constructor calls as well.
    expect_undisturbed(names - %i[respond_to? method], base) do |type, raw|
      layout = Class.instance_method(:superclass).bind_call(type).instance_variable_get(:@layout)
      Kernel.instance_method(:instance_variable_set).bind_call(type, :@layout, layout)
      reopen(type, "def free = Oracle.free(pointer)")
      struct = make(type, raw)
      2.times { struct.free }
    end
  end

  it "keeps the settings that a superclass has declared" do
    log = in_child do |events|
      @queue = queue = SafePointer::ReleaseQueue.new
      base = Class.new(Handle) do
        release_queue queue
        fork_policy :discard
      end
      type = Class.new(base) do
        def self.release_queue(items) = items.clear
        def self.fork_policy(server) = server.fork
      end
      out_of_reach { type.new(events.raw(:queued)) }
      full_gc
      events << queue.stats[:size]
      @alive_at_exit = type.new(events.raw(:kept))
      in_fork_of(events) { nil }
      events.sign(:parent)
    end
    expect(log).to contain_exactly(1, %i[released queued parent], %i[released kept parent])
  end

  it "takes variables of the program's own for no settings" do
    log = in_child do |events|
      type = Class.new(Handle) do
        @release_queue = []
        @fork_policy = Object.new
        @native_release = :yes
      end
      type.new(events.raw).free
    end
    expect(log).to eq [:released]
  end

  it "lets pointers have methods of such names" do
    own_names = %i[class singleton_class singleton_methods frozen? hash == equal? send instance_variable_get extend respond_to?]
    log = in_child do |events|
      own_names.each do |name|
        type = Class.new(Handle) { define_method(name) { |_, _, *| raise "called" } }
        pointer = type.new(events.raw)
        def pointer.free = Oracle.free(self)
        2.times { pointer.free }
      end
    end
    expect(log).to eq [:released] * own_names.size
  end
end
