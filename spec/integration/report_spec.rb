# frozen_string_literal: true

RSpec.describe "a report at exit" do
  it "is written before anything is released, and after all at_exit blocks" do
    child = run_ruby(<<~'RUBY')
      SafePointer.trace = SafePointer.report_at_exit = true
      $stderr.define_singleton_method(:write) do |text|
        events << text[/\d+ pointers? \w+ alive/] << text.lines.grep(/Handle/).map { |line| line.split(" ", 2).first }
      end
      late = Handle.new(Oracle.create(:late))
      kept = [Handle.new(Oracle.create(:kept)), Handle.new(Oracle.create(:kept))]
      at_exit { at_exit { late.free } }
    RUBY
    expect(child).to be_quiet, child.inspect
    expect(child.events).to eq [%i[released late], "2 pointers are alive", %w[Handle], *[%i[released kept]] * 2]
  end

  it "has owners in it, and is written once" do
    child = run_ruby(<<~RUBY)
      SafePointer.trace = SafePointer.report_at_exit = true
      owners = Array.new(50) { Object.new }
      owners.each { |owner| SafePointer::Releaser.attach(owner, Oracle.create, Oracle.method(:free)) }
    RUBY
    expect(child.status).to be_success
    expect(child.events.tally).to eq(released: 50)
    expect(child.stderr.scan(/(\d+) pointers are alive/)).to eq [["50"]]
    expect(child.stderr).to match(/^  FFI::Pointer +50 +0 +\d+ GCs  -e:3:in /)
  end

  it "is not written unless it is asked for" do
    child = run_ruby(<<~RUBY)
      SafePointer.trace = SafePointer.report_at_exit = true
      SafePointer.report_at_exit = false
      kept = Handle.new(Oracle.create)
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [:released])
  end

  it "is asked for in the environment" do
    ENV["SAFE_POINTER_TRACE"] = "report"
    child = run_ruby("kept = Handle.new(Oracle.create)")
    expect(child.events).to eq [:released]
    expect(child.stderr).to match(/\Asafe_pointer: 1 pointer is alive .*^  Handle +1 +0 +\d+ GCs  -e:1:in /m)
  ensure
    ENV.delete("SAFE_POINTER_TRACE")
  end

  it "that fails keeps nothing from being released" do
    child = run_ruby(<<~RUBY)
      SafePointer.report_at_exit = true
      def SafePointer.report = raise(IOError, "closed")
      kept = Handle.new(Oracle.create)
    RUBY
    expect(child).to have_attributes(
      events: [:released], stderr: "safe_pointer: the report at exit raised IOError: closed\n"
    )
  end

  it "that has nowhere to be written keeps nothing from being released" do
    child = run_ruby(<<~RUBY)
      require "stringio"
      SafePointer.report_at_exit = true
      kept = Handle.new(Oracle.create)
      $stderr = StringIO.new.tap(&:close)
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [:released])
  end
end
