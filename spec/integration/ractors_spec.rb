# frozen_string_literal: true

require_relative "../support/ractors"

# How pointers are released there, and what can be asked of them. Classes and forks: ractors_classes_spec.rb. Errors:
# ractors_errors_spec.rb.
RSpec.describe "in a Ractor," do
  include Ractors

  {
    "a class with release" => "Handle.new(Oracle.create)",
    "a callable" => "SafePointer.new(Oracle.create, Oracle.method(:free))",
    "a block" => "SafePointer.new(Oracle.create) { |raw| Oracle.free(raw) }",
    "a struct" => "Record.new(Oracle.create)",
    "keywords" => "Handle.new(Oracle.create, size: 64, fork_policy: :discard)",
    "a class with a free of its own" => "OwnFree.new(Oracle.create)",
    "a releaser" => "Owner.new(Oracle.create)"
  }.each do |what, make|
    describe "a pointer made with #{what}" do
      let(:types) do
        <<~RUBY
          class Record < SafePointer::ManagedStruct
            layout :x, :int
            def self.release(raw) = Oracle.free(raw)
          end
          class OwnFree < Handle
            def free(how = :plain)
              super()
              how
            end
          end
          class Owner
            def initialize(raw)
              @releaser = SafePointer::Releaser.attach(self, raw, Oracle.method(:free))
            end
            def free = @releaser.free
          end
        RUBY
      end

      it "is released once by free" do
        child = run_in_ractor("pointer = #{make}; 2.times { pointer.free }; :done", types)
        expect(child).to have_attributes(quiet?: true, events: %i[released done])
      end

      it "is released once by GC" do
        child = run_in_ractor("out_of_reach { #{make} }; full_gc; :done", types)
        expect(child).to be_quiet
        expect(child.events).to contain_exactly(:released, :done)
      end

      it "is released once at exit" do
        child = run_in_ractor("Ractor.current[:kept] = #{make}; :done", types)
        expect(child).to be_quiet
        expect(child.events).to contain_exactly(:released, :done)
      end

      it "is released once at exit, while the Ractor still runs" do
        child = run_ruby(<<~RUBY)
          Warning[:experimental] = false
          #{types}
          Ractor.new(Ractor.current) do |main|
            pointer = #{make}
            main.send(:made)
            Ractor.receive
            pointer
          end
          events << Ractor.receive
        RUBY
        expect(child).to have_attributes(quiet?: true, events: %i[made released])
      end
    end
  end

  {
    "freed?" => ["pointer.freed?", false],
    "null?" => ["pointer.null?", false],
    "autorelease?" => ["pointer.autorelease?", true],
    "autorelease=" => ["pointer.autorelease = false; pointer.autorelease = true; pointer.autorelease?", true],
    "size= and native_size" => ["pointer.size = 64; pointer.native_size", 64],
    "parent= and parent" => ["pointer.parent = other; pointer.parent.equal?(other)", true],
    "inspect" => ["pointer.inspect[0, 9]", "#<Handle "],
    "detached?" => ["pointer.detached?", false],
    "use" => ["pointer.use { |raw| raw.write_int(42); raw.read_int }", 42],
    "free in use" => ["pointer.use { pointer.free; pointer.freed? }", false],
    "reads and writes" => ["pointer.write_int(42); pointer.read_int", 42],
    "reads after free" => ["pointer.free; begin; pointer.read_int; rescue FFI::NullPointerError; :null; end", :null],
    "use after free" => ["pointer.free; begin; pointer.use {}; rescue SafePointer::ReleasedError; :gone; end", :gone],
    "detach" => ["raw = pointer.detach; Oracle.free(raw); pointer.detached?", true],
    "dup" => ["begin; pointer.dup; rescue => e; e.message; end", "cannot duplicate SafePointer"],
    "the class's release, called by hand" => ["Handle.release(pointer); pointer.freed?", true],
    "instance_variable_get(:@releaser)" => ["pointer.instance_variable_get(:@releaser).free; pointer.freed?", true],
    "open" => ["SafePointer.open(Oracle.create(:open), Oracle.method(:free)) { |it| it.freed? }", false],
    "fork_policy" => ["Handle.fork_policy", :release],
    "replaced_auto_pointer?" => ["SafePointer.replaced_auto_pointer?", false]
  }.each do |what, (code, answer)|
    it "#{what} works" do
      child = run_in_ractor("pointer = Handle.new(Oracle.create); other = Handle.new(Oracle.create); #{code}")
      expect(child).to be_quiet
      expect(child.events - [:released, %i[released open]]).to eq [answer]
      expect(child.events.count(:released)).to be 2
    end
  end

  it "a family is released children first, by free, and at exit" do
    child = run_in_ractor(<<~RUBY)
      top = Handle.new(Oracle.create(:top))
      bottom = Handle.new(Oracle.create(:bottom), parent: top)
      top.free
      bottom.free
      kept = Handle.new(Oracle.create(:kept_top))
      Ractor.current[:kept] = Handle.new(Oracle.create(:kept_bottom), parent: kept)
      :done
    RUBY
    expect(child).to be_quiet
    expect(child.events - [:done]).to eq(%i[bottom top kept_bottom kept_top].map { |name| [:released, name] })
  end

  it "a queue is drained, and closed with what waits" do
    child = run_in_ractor(<<~RUBY)
      queue = SafePointer::ReleaseQueue.new
      make = -> { out_of_reach { Handle.new(Oracle.create, release_queue: queue) } || full_gc }
      make.call
      drained = queue.drain
      make.call
      [drained, queue.size, queue.close, queue.size, queue.closed?]
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [:released, :released, [1, 1, nil, 0, true]])
  end

  it "a queue is refused a thread, which leaves nothing behind" do
    child = run_ruby(<<~RUBY)
      require "objspace"
      Warning[:experimental] = false
      ractor = Ractor.new do
        refused = 1_000.times.map do
          SafePointer::ReleaseQueue.new(thread: true)
        rescue Ractor::IsolationError
          :refused
        end
        refused.uniq
      end
      # A page of the registry has room for 256.
      events << ractor.value << ObjectSpace.count_tdata_objects[SafePointer.const_get(:Page)]
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [[:refused], 1])
  end

  it "a lease is the fiber's that took it" do
    child = run_in_ractor(<<~RUBY)
      pointer = Handle.new(Oracle.create)
      fiber = Fiber.new { pointer.use { Fiber.yield && pointer.use { :nested } } }
      fiber.resume
      pointer.free
      refused = (pointer.use { :granted } rescue :refused)
      [refused, pointer.freed?, fiber.resume(true), pointer.freed?]
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [:released, [:refused, false, :nested, true]])
  end

  it "a free that waits for a fiber is carried out when that is collected, within the class's own method" do
    child = run_in_ractor(<<~RUBY, "class OwnFree < Handle; def free = [super(), GC.start]; end")
      pointer = OwnFree.new(Oracle.create)
      Thread.new { Fiber.new { pointer.use { [pointer.free, Fiber.yield] } }.resume && nil }.join
      waits = !pointer.freed?
      full_gc
      [waits, pointer.freed?]
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [:released, [true, true]])
  end

  it "a pointer that is moved or shared is refused, and released once where it is" do
    child = run_ruby(<<~RUBY)
      Warning[:experimental] = false
      pointer = Handle.new(events.raw)
      ractor = Ractor.new { Ractor.receive }
      [
        -> { ractor.send(pointer) }, -> { ractor.send(pointer, move: true) }, -> { Ractor.make_shareable(pointer) }
      ].each do |way|
        way.call
        events << :went
      rescue StandardError => error
        events << :refused
      end
      events << pointer.freed?
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [:refused, :refused, :refused, false, :released])
  end

  # One after another: with collections in several at once, Ruby 3.3 crashes, with FFI::AutoPointer too.
  it "after others, many pointers are made, used, freed and dropped, and each is released once" do
    child = run_ruby(<<~RUBY)
      Warning[:experimental] = false
      4.times do |i|
        Ractor.new(i) { |seed|
          random = Random.new(seed)
          handles = []
          200.times do
            handles << Handle.new(Oracle.create)
            handles.sample(random: random).use { |raw| raw.write_int(1) } if handles.none?(&:freed?)
            handles.sample(random: random).free if random.rand(3).zero?
            handles.shift if random.rand(3).zero?
            GC.start(full_mark: false) if random.rand(20).zero?
          end
        }.value
      end
      events << Oracle.created
    RUBY
    expect(child).to be_quiet
    expect(child.events.uniq).to contain_exactly(:released, 800)
    expect(child.events.count(:released)).to be 800
  end
end
