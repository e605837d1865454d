# frozen_string_literal: true

# A Releaser without a SafePointer, for objects that own a pointer.
RSpec.describe SafePointer::Releaser, ".new" do
  it "releases what some other object owns, by its finalizer" do
    log = in_child do |events|
      out_of_reach do
        ObjectSpace.define_finalizer(Object.new, SafePointer::Releaser.new(events.raw, Oracle.method(:free)))
      end
      full_gc
      events << :collected

      @owner = Object.new
      ObjectSpace.define_finalizer(@owner, SafePointer::Releaser.new(events.raw, Oracle.method(:free)))
    end
    expect(log).to eq [:released, :collected, :released]
  end

  it "releases what some other object owns once, freed by that object" do
    log = in_child do |events|
      @owner = Object.new
      releaser = SafePointer::Releaser.new(events.raw, Oracle.method(:free))
      ObjectSpace.define_finalizer(@owner, releaser)
      2.times { releaser.free }
      events << :freed
    end
    expect(log).to eq [:released, :freed]
  end

  [[], [8]].each do |arguments|
    it "does not keep the end of its thread from one that calls it with #{arguments}" do
      log = in_child do |events|
        releaser = SafePointer::Releaser.new(events.raw, ->(_) { Thread.exit })
        events << Thread.new do
          releaser.call(*arguments)
          :went_on
        end.value
      end
      expect(log).to eq [nil]
    end
  end

  it "has a throw come out of a call without an id" do
    log = in_child do |events|
      releaser = SafePointer::Releaser.new(events.raw, ->(_) { throw :out, :thrown })
      events << catch(:out) { releaser.call }
    end
    expect(log).to eq [:thrown]
  end

  it "hands the release the very object it was given" do
    handed = []
    raw = Oracle.create
    SafePointer::Releaser.new(raw, handed.method(:push)).free
    expect(handed).to match [be(raw)]
  end

  it "takes a block" do
    handed = []
    raw = Oracle.create
    SafePointer::Releaser.new(raw) { |given| handed << given }.free
    expect(handed).to match [be(raw)]
  end

  it "refuses what is no pointer, or cannot be called" do
    expect { SafePointer::Releaser.new(nil, Oracle.method(:free)) }.to raise_error(TypeError)
    expect { SafePointer::Releaser.new(Oracle.create, 42) }.to raise_error(RuntimeError, "proc must be callable")
    expect { SafePointer::Releaser.new(Oracle.create) }.to raise_error(RuntimeError, "proc must be callable")
    expect { SafePointer::Releaser.new }.to raise_error(ArgumentError)
  end

  it "has nothing to release when only allocated" do
    log = in_child do |events|
      releaser = SafePointer::Releaser.allocate
      events << [releaser.free, releaser.call(8)]
    rescue TypeError, NoMethodError
      # No allocator at all is as good.
      events << [nil, nil]
    end
    expect(log).to eq [[nil, nil]]
  end
end
