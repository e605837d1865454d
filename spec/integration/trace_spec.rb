# frozen_string_literal: true

RSpec.describe "tracing" do
  {
    "Handle" => "Handle.new(Oracle.create)",
    "NativeHandle" => "NativeHandle.new(Oracle.create)",
    "an owner" => "Object.new.tap { |owner| SafePointer::Releaser.attach(owner, Oracle.create, Oracle.method(:free)) }"
  }.each do |what, make|
    it "keeps no pointer alive, nor does asking what is alive: #{what}" do
      child = run_ruby(<<~RUBY)
        require "#{File.expand_path("../support/native_handle", __dir__)}"
        SafePointer.trace = true
        out_of_reach do
          kept = Array.new(5) { #{make} }
          events << SafePointer.live.size
          kept.clear
        end
        full_gc
        events << SafePointer.live.size
      RUBY
      expect(child).to be_quiet, child.inspect
      expect(child.events.tally).to eq(5 => 1, :released => 5, 0 => 1)
    end
  end

  it "gives the places of pointers that a C function releases to others when they are gone" do
    child = run_ruby(<<~RUBY)
      require "#{File.expand_path("../support/native_handle", __dir__)}"
      SafePointer.trace = true
      pages = -> { ObjectSpace.each_object(SafePointer.const_get(:Page)).count }
      use_up = lambda do
        ways = %i[itself free parent detach].cycle
        out_of_reach { ways.first(100).each { |way| NativeHandle.new(Oracle.create).public_send(way) } }
        full_gc
      end
      2.times { use_up.call }
      before = pages.call
      8.times { use_up.call }
      events << (pages.call - before)
    RUBY
    expect(child).to be_quiet, child.inspect
    expect(child.events.grep(Integer)).to eq [0]
  end

  {nil => [false, false], "" => [false, false], "0" => [false, false], "1" => [true, false],
   "report" => [true, true]}.each do |value, on|
    it "is #{on.first ? "on" : "off"} from the beginning with #{value.inspect} in the environment" do
      ENV["SAFE_POINTER_TRACE"] = value
      child = run_ruby(<<~RUBY)
        events << [SafePointer.trace?, SafePointer.report_at_exit?]
        SafePointer.report_at_exit = false
      RUBY
      expect(child).to have_attributes(quiet?: true, events: [on])
    ensure
      ENV.delete("SAFE_POINTER_TRACE")
    end
  end

  it "lists nothing once there was a Ractor, as Ruby does, and the report says so" do
    skip "Ruby #{RUBY_VERSION}: Ractors are tested on 3.3 and later" if RUBY_VERSION < "3.3"
    child = run_ruby(<<~'RUBY')
      Warning[:experimental] = false
      require "stringio"
      kept = Handle.new(Oracle.create)
      Ractor.new { nil }.value
      SafePointer.warnings[:second_owner] = true
      out = StringIO.new
      SafePointer.report(out)
      events << SafePointer.live << out.string.lines(chomp: true).last
    RUBY
    expect(child).to be_quiet, child.inspect
    expect(child.events).to eq [
      [], "Not listed: 1, which are being released, wait in a queue or cannot be found as there was a Ractor", :released
    ]
  end

  it "is not told of pointers that were made before FFI::AutoPointer was replaced, which are listed all the same" do
    child = run_ruby(<<~RUBY)
      SafePointer.trace = true
      class Old < FFI::AutoPointer
        def self.release(raw) = Oracle.free(raw)
      end
      old = Old.new(Oracle.create)
      require "safe_pointer/auto_pointer"
      events << SafePointer.live.map { |live| [live.pointer_class.name, live.address == old.address, live.made_at] }
      new = Old.new(Oracle.create)
      events << SafePointer.live.map { |live| live.made_at&.size }.compact.size
    RUBY
    expect(child).to be_quiet, child.inspect
    expect(child.events).to eq [[["Old", true, nil]], 1, :released, :released]
  end

  it "names the place where a struct of FFI::ManagedStruct was made" do
    child = run_ruby(<<~RUBY)
      require "safe_pointer/auto_pointer"
      SafePointer.trace = true
      class Record < FFI::ManagedStruct
        layout :x, :int
        def self.release(raw) = Oracle.free(raw)
      end
      record = Record.new(Oracle.create)
      events << SafePointer.live.map(&:site)
    RUBY
    expect(child).to be_quiet, child.inspect
    expect(child.events).to match [[start_with("-e:7:in ")], :released]
  end
end
