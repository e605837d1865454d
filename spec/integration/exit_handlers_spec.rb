# frozen_string_literal: true

require_relative "../support/native_handle"

# Programs use and free pointers in such handlers, and whole test suites run there.
RSpec.describe "the end of the process comes after at_exit handlers" do
  it "in which pointers can be used and freed" do
    child = run_ruby(<<~RUBY)
      $kept = Handle.new(events.raw(:kept))
      $freed = Handle.new(events.raw(:freed))
      at_exit { events << [:first_registered, $kept.freed?, $freed.freed?] }
      at_exit do
        $freed.free
        $kept.write_int(42)
        events << [:last_registered, $kept.read_int]
      end
      events << :end
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [
      :end, [:released, :freed], [:last_registered, 42], [:first_registered, false, true], [:released, :kept]
    ])
  end

  it "in which pointers are made" do
    child = run_ruby("at_exit { $handle = Handle.new(events.raw) }")
    expect(child).to have_attributes(quiet?: true, events: [:released])
  end

  it "registered before safe_pointer is loaded" do
    prelude = File.expand_path("../support/child_prelude", __dir__)
    child = run_ruby(<<~RUBY)
      log = Integer(ENV.fetch("EVENTS_FD"))
      exec(RbConfig.ruby, "-e", <<~FRESH, log => log)
        at_exit { events << [:early_handler, $handle.freed?, $handle.use { |raw| raw.read_int }] }
        require "#{prelude}"
        $handle = Handle.new(events.raw)
        $handle.write_int(42)
      FRESH
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [[:early_handler, false, 42], :released])
  end

  it "registered in handlers, and a raise in one" do
    child = run_ruby(<<~RUBY)
      $handle = Handle.new(events.raw)
      at_exit { events << [:outer, $handle.freed?] }
      at_exit do
        at_exit { events << [:inner, $handle.freed?] }
        raise "in a handler"
      end
    RUBY
    expect(child).to have_attributes(
      events: [[:inner, false], [:outer, false], :released], stderr: include("in a handler")
    )
  end

  # As minitest/autorun and rspec/autorun do.
  it "in which a whole test suite runs" do
    child = run_ruby(<<~RUBY)
      class Suite
        def test_free = Handle.new(events.raw(:freed)).tap(&:free).freed?
        def test_use = ($used = Handle.new(events.raw(:used))).use { |raw| raw.write_int(1).read_int } == 1
        def test_open = SafePointer.open(events.raw(:opened), Oracle.method(:free)) { |pointer| !pointer.freed? }
        def test_error = SafePointer.new(events.raw, ->(_) { raise "refused" }).free
        def test_thread = Thread.new { Handle.new(events.raw(:threaded)).free }.value.nil?

        def test_family
          $top = Handle.new(events.raw(:top))
          $bottom = Handle.new(events.raw(:bottom), parent: $top)
          $top.free
          !$top.freed?
        end

        def test_gc
          out_of_reach { Handle.new(events.raw(:dead)) }
          full_gc
          true
        end

        def test_fork
          $discarded = Handle.new(events.raw(:discarded), fork_policy: :discard)
          Process.wait(fork { exit! }) && true
        end
      end

      at_exit do
        Suite.instance_methods(false).sort.each do |test|
          events << [test, Suite.new.send(test)]
        rescue RuntimeError => error
          events << [test, error.message]
        end
        exit 7
      end
    RUBY
    expect(child).to have_attributes(exitstatus: 7, stderr: "")
    expect(child.events.first(12)).to eq [
      [:test_error, "refused"],
      [:test_family, true],
      [:test_fork, true],
      [:released, :freed], [:test_free, true],
      [:released, :dead], [:test_gc, true],
      [:released, :opened], [:test_open, true],
      [:released, :threaded], [:test_thread, true],
      [:test_use, true]
    ]
    left = child.events.drop(12)
    expect(left).to match_array(%i[bottom top discarded used].map { |name| [:released, name] })
    expect(left.index([:released, :bottom])).to be < left.index([:released, :top])
  end
end

# What is made after the last call of the library's own finalizer has Ruby's for each pointer.
RSpec.describe "a finalizer that another one defines at the end of the process, and so on" do
  # Calls the block in that round of finalizers: the library's last one is in the second.
  def in_round(number, &block)
    (@kept ||= []) << object = Object.new
    ObjectSpace.define_finalizer(object, proc { number == 1 ? block.call : in_round(number - 1, &block) })
  end

  { "a release of its class" => Handle, "a C function" => NativeHandle }.each do |kind, type|
    it "makes pointers that are released once, with #{kind}" do
      log = in_child do |events|
        in_round(5) do
          freed, @kept = %i[freed kept].map { |name| type.new(events.raw(name)) }
          @kept.use { |used| used }
          2.times { freed.free }
          events << :last
        end
      end
      expect(log).to eq [%i[released freed], :last, %i[released kept]]
    end
  end
end
