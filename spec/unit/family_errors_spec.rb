# frozen_string_literal: true

require_relative "../support/family"

# Who gets the error of a release that had to wait for others.
RSpec.describe SafePointer, "in a family with errors" do
  include Family

  around do |example|
    SafePointer.on_release_error { |error, info| log << [error.message, info[:trigger]] }
    example.run
  ensure
    SafePointer.on_release_error
  end

  def faulty(name, **options)
    SafePointer.new(Oracle.create, ->(_) { raise IOError, name.to_s }, **options)
  end

  it "raises the child's to its caller, and releases the parent all the same" do
    parent = member(:parent)
    child = faulty(:child, parent: parent)
    parent.free
    expect { child.free }.to raise_error(IOError, "child")
    expect([*log, parent.freed?, child.freed?]).to eq [:parent, true, true]
  end

  it "reports the parent's once, with :child, and raises nothing to the child's caller" do
    parent = faulty(:parent)
    child = member(:child, parent: parent)
    parent.free
    log << child.free << parent.free
    expect([*log, parent.freed?, parent.null?]).to eq [:child, ["parent", :child], nil, nil, true, true]
  end

  it "reports those of all generations" do
    line = (1..3).inject([faulty(0)]) { |members, i| [*members, faulty(i, parent: members.last)] }
    line.take(3).each(&:free)
    expect { line.last.free }.to raise_error(IOError, "3")
    expect(log).to eq [["2", :child], ["1", :child], ["0", :child]]
    expect(line).to all(be_freed)
  end

  it "raises the parent's to its caller where there is nothing to wait for" do
    parent = faulty(:parent)
    member(:child, parent: parent).free
    expect { parent.free }.to raise_error(IOError, "parent")
    expect(log).to eq [:child]
  end

  {"detached" => :detach.to_proc, "given another parent" => ->(child) { child.parent = nil }}.each do |what, part|
    it "reports the parent's when the child is #{what}" do
      parent = faulty(:parent)
      child = member(:child, parent: parent)
      parent.free
      part.call(child)
      expect([*log, parent.freed?]).to eq [["parent", :child], true]
    end
  end

  it "lets a throw of the parent's release go on its way, after all that are due" do
    root = member(:root)
    parent = SafePointer.new(Oracle.create, ->(_) { throw :out, :thrown }, parent: root)
    child = member(:child, parent: parent)
    [root, parent].each(&:free)
    log << catch(:out) { child.free }
    expect([*log, *[root, parent, child].map(&:freed?)]).to eq [:child, :root, :thrown, true, true, true]
  end
end
