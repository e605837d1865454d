# frozen_string_literal: true

RSpec.describe "a warning of what GC had to release" do
  # What is on stderr after three pointers were found dead.
  def warned(make, before = "", after = "")
    child = run_ruby(<<~RUBY)
      require "#{File.expand_path("../support/native_handle", __dir__)}"
      SafePointer.warnings[:freed_by_gc] = true
      #{before}
      out_of_reach { 3.times { #{make} } }
      full_gc
      #{after}
      kept = #{make}
    RUBY
    expect(child.status).to be_success, child.inspect
    expect(child.events.count(:released)).to be 4
    child.stderr.lines
  end

  {
    "Handle" => "Handle.new(Oracle.create)",
    "NativeHandle" => "NativeHandle.new(Oracle.create)",
    "FFI::Pointer" => "SafePointer::Releaser.attach(Object.new, Oracle.create, Oracle.method(:free))"
  }.each do |name, make|
    it "names class and address, and what to do to know more: #{name}" do
      expect(warned(make)).to contain_exactly(*[
        /\Asafe_pointer: #{name} address=#{Address::ANY} was freed by GC, not by you; SafePointer.trace = true tells where/
      ] * 3)
    end

    it "begins with where the pointer was made, if that is traced: #{name}" do
      expect(warned(make, "SafePointer.trace = true")).to contain_exactly(*[
        /\A-e:4: warning: safe_pointer: #{name} address=#{Address::ANY} was freed by GC, not by you$/
      ] * 3)
    end

    it "is not given while it is off, nor for what was freed: #{name}" do
      expect(warned(make, "SafePointer.warnings[:freed_by_gc] = false")).to be_empty
      expect(warned("#{make}.free")).to be_empty
    end
  end

  it "is given for what a queue has released" do
    before = <<~RUBY
      QUEUE = SafePointer::ReleaseQueue.new
      class Queued < Handle
        release_queue QUEUE
      end
    RUBY
    expect(warned("Queued.new(Oracle.create)", before, "QUEUE.drain").grep(/Queued .* was freed by GC/).size).to be 3
  end

  it "that is turned into an error keeps nothing from being released" do
    before = "def Warning.warn(*) = raise('no warnings')"
    expect(warned("Handle.new(Oracle.create)", before)).to be_empty
    expect(warned("NativeHandle.new(Oracle.create)", before)).to be_empty
  end

  it "names the address of what a C function releases, where nobody watched when the pointer was made" do
    child = run_ruby(<<~RUBY)
      require "support/native_handle"
      out_of_reach do
        $kept = Array.new(10) do
          raw = Oracle.create
          events << raw.address.to_s(16)
          NativeHandle.new(raw)
        end
      end
      SafePointer.warnings[:freed_by_gc] = true
      $kept = nil
      full_gc
    RUBY
    released, addresses = child.events.partition { |event| event == :released }
    warned = child.stderr.scan(/: a pointer to 0x0*(\h+) was freed by GC, not by you/).flatten
    expect(released.size).to eq 10
    expect(addresses).to include(*warned)
    # A word on a stack may keep some.
    expect(warned.size).to be > 5
  end

  it "is not given of what has no address" do
    child = run_ruby(<<~RUBY)
      SafePointer.warnings[:second_owner] = true
      2.times { SafePointer::Releaser.new(:held, ->(held) { events << held }).free }
    RUBY
    expect(child).to have_attributes(quiet?: true, events: %i[held held])
  end

  it "loses no interrupt that comes while it is given" do
    child = run_ruby(<<~RUBY)
      QUEUE = SafePointer::ReleaseQueue.new
      SafePointer.warnings[:freed_by_gc] = true
      out_of_reach { Handle.new(Oracle.create, release_queue: QUEUE) }
      full_gc
      Interruption = Class.new(StandardError)
      def Warning.warn(*, **) = Thread.current.raise(Interruption)
      begin
        QUEUE.drain
      rescue Interruption
        events << :interrupted
      end
    RUBY
    expect(child).to have_attributes(quiet?: true, events: %i[released interrupted])
  end

  it "of a second owner, that is turned into an error, leaves the raw pointer to whom it belongs" do
    ["Handle", "NativeHandle"].each do |type|
      child = run_ruby(<<~RUBY)
        require "#{File.expand_path("../support/native_handle", __dir__)}"
        SafePointer.warnings[:second_owner] = true
        def Warning.warn(message, **) = raise(message)
        raw = Oracle.create
        first = #{type}.new(raw)
        begin
          #{type}.new(raw)
        rescue RuntimeError => error
          events << error.message[/is owned already/]
        end
        full_gc
        events << SafePointer.stats.values_at(:live, :created, :detached)
      RUBY
      expect(child).to have_attributes(quiet?: true, events: ["is owned already", [1, 2, 1], :released])
    end
  end

  it "is given in a Ractor, too" do
    skip "Ruby #{RUBY_VERSION}: Ractors are tested on 3.3 and later" if RUBY_VERSION < "3.3"
    child = run_ruby(<<~RUBY)
      Warning[:experimental] = false
      SafePointer.trace = SafePointer.warnings[:freed_by_gc] = true
      class Trap < SafePointer
        def initialize(raw) = super(raw) { |held| Oracle.free(held) }
      end
      Ractor.new {
        out_of_reach { Handle.new(Oracle.create) }
        full_gc
        Trap.new(Oracle.create).free
      }.value
    RUBY
    expect(child.events).to eq [:released] * 2
    expect(child.stderr.lines).to match [
      /\A-e:7: warning: safe_pointer: Handle .* was freed by GC/, /\A-e:4: warning: safe_pointer: GC will never/
    ]
  end
end
