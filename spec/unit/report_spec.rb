# frozen_string_literal: true

require "stringio"

RSpec.describe SafePointer, ".report" do
  def live(**facts)
    instance_double(SafePointer::Diagnostics::Live, { age: nil, site: nil, kept_by: nil, **facts })
  end

  def report(*entries) = SafePointer::Diagnostics::Report.new(entries).to_s

  it "is a table by class and place, with the most memory first" do
    handle = live(pointer_class: Handle, size: 0, age: 3, site: "app.rb:4:in `load'")
    big = live(pointer_class: SafePointer, size: 4_096, age: 12, site: "lib/image.rb:10:in `decode'")
    lines = report(handle, handle, big, live(pointer_class: Handle, size: 0)).lines(chomp: true)
    process = "process #{Process.pid}"
    expect(lines[0]).to eq "safe_pointer: 4 pointers are alive in #{process}, with 4096 bytes of native memory"
    expect(lines[2..5]).to eq [
      "  class        count  bytes  oldest  made at",
      "  SafePointer      1   4096  12 GCs  lib/image.rb:10:in `decode'",
      "  Handle           2      0   3 GCs  app.rb:4:in `load'",
      "  Handle           1      0       -  not traced"
    ]
  end

  it "says of one that it is one, and of none that there is none" do
    expect(report(live(pointer_class: Handle, size: 1))).to start_with "safe_pointer: 1 pointer is alive in process"
    expect(report.lines[0]).to start_with "safe_pointer: 0 pointers are alive in process"
    expect(report).not_to include "class"
  end

  it "names what its own callable keeps alive" do
    entry = live(pointer_class: Handle, size: 1, kept_by: "self", inspect: "#<Handle here>")
    expect(report(entry).lines.last(2)).to eq [
      "Kept alive by their own release callable, so that GC will not release them:\n",
      "  #<Handle here> by self\n"
    ]
  end

  it "says how many there are that it cannot list" do
    pointer = Handle.new(Oracle.create)
    expect(report).to match(/^Not listed: [1-9]\d*, which are/)
    pointer.free
  end

  it "goes to any object that takes it, and to stderr where none is given" do
    SafePointer.trace = true
    pointer = Handle.new(Oracle.create)
    line = /^  Handle +\d+ +\d+ +\d+ GCs  #{Regexp.escape(__FILE__)}:#{__LINE__ - 1}:in /
    io = StringIO.new
    expect(SafePointer.report(io)).to be_nil
    expect(io.string).to match(line)
    expect { SafePointer.report }.to output(line).to_stderr
    pointer.free
  ensure
    SafePointer.trace = false
  end
end
