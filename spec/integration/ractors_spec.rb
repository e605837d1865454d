# frozen_string_literal: true

# Each in an interpreter of its own, for the first Ractor changes how Ruby works. The oracle logs from C, whichever
# Ractor it is called in; what a Ractor has to say otherwise it returns.
RSpec.describe "in a Ractor," do
  before do
    skip "Ruby #{RUBY_VERSION}: Ractors are tested on 3.3 and later" if RUBY_VERSION < "3.3"
    skip "ffi #{FFI::VERSION}: functions can be called in Ractors since 1.16" if FFI::VERSION < "1.16"
  end

  # Runs `preparation` in the main Ractor and the block in one of its own, whose result is logged at its end.
  def run_in_ractor(source, preparation = "")
    run_ruby(<<~RUBY)
      Warning[:experimental] = false
      #{preparation}
      result = Ractor.new do
        #{source}
      end
      events << result.take
    RUBY
  end

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
          ractor = Ractor.new do
            pointer = #{make}
            Ractor.yield :made
            Ractor.receive
            pointer
          end
          events << ractor.take
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

  it "a class may be defined, and used first, with a free of its own" do
    child = run_in_ractor(<<~RUBY)
      type = Class.new(SafePointer) do
        def self.release(raw) = Oracle.free(raw)
        def free(how = :plain)
          super()
          how
        end
      end
      pointer = type.new(Oracle.create)
      [pointer.free(:own), pointer.free(:own), pointer.freed?]
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [:released, [:own, nil, true]])
  end

  it "a class that was defined outside may be used first, and others use it afterwards" do
    child = run_ruby(<<~RUBY)
      Warning[:experimental] = false
      class Unused < SafePointer
        def self.release(raw) = Oracle.free(raw)
        def free = super
      end
      ractors = Array.new(4) { Ractor.new { Unused.new(Oracle.create).then { |pointer| 2.times { pointer.free } } } }
      ractors.each(&:take)
      pointer = Unused.new(events.raw(:main))
      2.times { pointer.free }
      events << pointer.freed?
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [*[:released] * 4, %i[released main], true])
  end

  it "names declared with frees_with are guarded" do
    child = run_in_ractor("handle = Closing.new(Oracle.create); [handle.close, handle.close, handle.freed?]", <<~RUBY)
      class Closing < Handle
        frees_with :close
        def close = Oracle.free(self) || :closed
      end
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [:released, [:closed, nil, true]])
  end

  it "the name frees_with declares is read there, by a class made there too" do
    child = run_in_ractor(<<~RUBY, "class Closing < Handle; frees_with :close; end")
      type = Class.new(Closing) { def close = Oracle.free(self) || :closed }
      handle = type.new(Oracle.create)
      [handle.close, handle.close, handle.freed?]
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [:released, [:closed, nil, true]])
  end

  # Ruby lets no other than the main Ractor set instance variables of classes.
  ["frees_with :close", "fork_policy :discard"].each do |declaration|
    it "#{declaration} is refused by Ruby, and harms nothing" do
      child = run_in_ractor(<<~RUBY)
        type = Class.new(Handle)
        begin
          type.#{declaration}
        rescue Ractor::IsolationError
          pointer = type.new(Oracle.create)
          2.times { pointer.free }
          :refused
        end
      RUBY
      expect(child).to have_attributes(quiet?: true, events: %i[released refused])
    end
  end

  {"release" => %i[fork parent], "discard" => %i[parent]}.each do |policy, releasers|
    it "a pointer is released by the #{releasers.join(" and the ")} when the process forks, with :#{policy}" do
      child = run_ruby(<<~RUBY)
        Warning[:experimental] = false
        class Forked < Handle
          fork_policy :#{policy}
        end
        events.sign(:parent)
        ractor = Ractor.new do
          pointer = Forked.new(Oracle.create(:made))
          Ractor.yield Forked.fork_policy
          Ractor.receive
          pointer
        end
        events << ractor.take
        Process.wait(fork { events.sign(:fork) })
      RUBY
      expect(child).to have_attributes(
        quiet?: true, events: [policy.to_sym, *releasers.map { |who| [:released, :made, who] }]
      )
    end
  end

  it "an error of free comes to the caller" do
    child = run_in_ractor(<<~RUBY)
      pointer = SafePointer.new(Oracle.create, ->(_) { raise IOError, "refused" })
      begin
        pointer.free
      rescue IOError => error
        [error.message, pointer.free, pointer.freed?]
      end
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [["refused", nil, true]])
  end

  it "an error of a release nobody called for is a warning" do
    child = run_in_ractor(<<~RUBY)
      pointer = SafePointer.new(Oracle.create, ->(_) { raise IOError, "refused" })
      pointer.use { pointer.free }
      pointer.freed?
    RUBY
    expect(child).to have_attributes(
      events: [true],
      stderr: match(/\Asafe_pointer: release of SafePointer \S+ after its last lease raised .*: refused\n\z/)
    )
  end

  it "an error goes to on_release_error if the handler is shareable" do
    child = run_in_ractor(<<~RUBY, <<~PREPARATION)
      pointer = SafePointer.new(Oracle.create, ->(_) { raise IOError, "refused" })
      pointer.use { pointer.free }
      pointer.freed?
    RUBY
      # Its self must be shareable, too.
      handler = nil.instance_eval do
        ->(error, info) { Oracle.free(Oracle.create(error.message + info[:trigger].name)) }
      end
      SafePointer.on_release_error(&Ractor.make_shareable(handler))
    PREPARATION
    expect(child).to have_attributes(quiet?: true, events: [%i[released refusedlease], true])
  end

  it "an error is a warning if the handler is not shareable" do
    child = run_in_ractor(<<~RUBY, "SafePointer.on_release_error { |*| events << :handler }")
      pointer = SafePointer.new(Oracle.create, ->(_) { raise IOError, "refused" })
      pointer.use { pointer.free }
      pointer.freed?
    RUBY
    expect(child).to have_attributes(events: [true], stderr: include("after its last lease raised IOError: refused"))
  end

  it "an error at exit of what is left is reported once" do
    child = run_in_ractor("Ractor.current[:kept] = SafePointer.new(Oracle.create, ->(_) { raise 'refused' }); :done")
    expect(child).to have_attributes(events: [:done], exitstatus: 0)
    expect(child.stderr.scan("at exit raised RuntimeError: refused").size).to be 1
  end

  it "a raise out of the Ractor leaves its pointers to GC and exit" do
    child = run_ruby(<<~RUBY)
      Warning[:experimental] = false
      ractor = Ractor.new do
        Thread.current.report_on_exception = false
        pointer = Handle.new(Oracle.create(:raised))
        pointer.use { raise IOError }
      end
      begin
        ractor.take
      rescue Ractor::RemoteError => error
        events << error.cause.class
      end
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [IOError, %i[released raised]])
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
        }.take
      end
      events << Oracle.created
    RUBY
    expect(child).to be_quiet
    expect(child.events.uniq).to contain_exactly(:released, 800)
    expect(child.events.count(:released)).to be 800
  end
end
