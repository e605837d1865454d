# frozen_string_literal: true

RSpec.describe "the native size of pointers" do
  # Ruby objects of next to no size, so nothing but the size calls for a collection.
  def drop(events, count, **options)
    count.times { Handle.new(events.raw, **options) && +"garbage" * 64 }
    nil
  end

  it "has the garbage collector release them without being asked" do
    log = in_child do |events|
      GC.start
      before = Oracle.live
      drop(events, 200, size: 64 << 20)
      events << (Oracle.live - before)
    end
    at_the_end = log.grep(Integer).first
    expect(log.count(:released)).to be 200
    expect(at_the_end).to be < 150
  end

  it "brings more collections than pointers without one do" do
    skip "every allocation brings one" if GCLevel::CURRENT == "stress"
    log = in_child do |events|
      collections = [{}, {size: 64 << 20}].map do |options|
        GC.start
        before = GC.count
        drop(events, 200, **options)
        GC.count - before
      end
      events << collections
    end
    without, with = log.grep(Array).first
    expect(with).to be > without + 10
  end

  it "may be the greatest there is" do
    greatest = 256**FFI.type_size(:size_t) / 2 - 1
    log = in_child do |events|
      pointers = Array.new(4) { Handle.new(events.raw, size: greatest) }
      GC.start
      pointers.each(&:free)
      Handle.new(events.raw, size: greatest / 2 + 1).size = 0
      events << GC.stat(:malloc_increase_bytes).is_a?(Integer)
    end
    expect(log.tally).to eq(:released => 5, true => 1)
  end
end
