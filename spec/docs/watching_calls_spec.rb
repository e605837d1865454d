# frozen_string_literal: true

require "stringio"

# What a program can ask of its pointers. The specs of tracing and warnings are about lines of code, which the hooks of
# RBS come between: here is a call of each method for signatures_spec.rb.
RSpec.describe "Calls of who watches" do
  around do |example|
    SafePointer.trace = true
    example.run
  ensure
    SafePointer.trace = SafePointer.report_at_exit = SafePointer.warnings[:freed_by_gc] = false
  end

  it "asks what is alive" do
    parent = Handle.new(Oracle.create, size: 100)
    child = Handle.new(Oracle.create, parent: parent)
    live = SafePointer.live.find { |entry| entry.address == child.address }
    expect(live).to have_attributes(pointer_class: Handle, size: 0, age: 0.., kept_by: nil)
    expect(live.parent).to have_attributes(size: 100, parent: nil)
    expect(live.made_at.first).to eq live.site
    expect(live.inspect).to eq live.to_s
    [parent, child].each(&:free)
  end

  it "has what is alive written" do
    pointer = Handle.new(Oracle.create)
    SafePointer.report(report = StringIO.new)
    expect(report.string).to match(/^  Handle +\d/)
    pointer.free
  end

  it "asks what is on, and switches it" do
    expect(SafePointer).to have_attributes(trace: true, trace?: true, report_at_exit: false, report_at_exit?: false)
    SafePointer.report_at_exit = true
    SafePointer.warnings[:freed_by_gc] = true
    expect(SafePointer.report_at_exit?).to be true
    expect(SafePointer.warnings[:freed_by_gc]).to be true
    expect(SafePointer.warnings.to_h).to include(freed_by_gc: true, second_owner: false)
  end
end
