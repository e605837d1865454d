# frozen_string_literal: true

# No release is called from within another one, however deep the family is.
RSpec.describe "a family of pointers of 10_000 generations" do
  depth = GCLevel::CURRENT == "stress" ? 100 : 10_000

  # A line, each the child of the one before it. The first one is logged by name.
  def line(events, depth, **options)
    (depth - 1).times.inject([Handle.new(events.raw(:top))]) do |line, _|
      line << Handle.new(Oracle.create, parent: line.last, **options)
    end
  end

  {
    "by hand from the top" => ->(line) { line.each(&:free) },
    "by hand from the bottom" => ->(line) { line.reverse_each(&:free) },
    "at exit" => ->(_) {}
  }.each do |how, free|
    it "is released #{how}" do
      log = in_child do |events|
        @line = line(events, depth)
        free.call(@line)
        events << @line.count(&:freed?)
      end
      freed = how == "at exit" ? 0 : depth
      expect(log.tally).to eq(:released => depth - 1, [:released, :top] => 1, freed => 1)
    end

    it "is released #{how} where each frees the next" do
      log = in_child do |events|
        @line = line(events, depth / 10, freed_by_parent: true)
        free.call(@line)
        events << @line.count(&:freed?)
      end
      expect(log.count([:released, :top])).to be 1
      expect(log.last).to eq([:released, :top]).or eq(:released).or eq(depth / 10)
    end
  end

  it "is released at GC" do
    log = in_child do |events|
      out_of_reach do
        depth.times.inject(nil) { |parent, _| Handle.new(Oracle.create, parent: parent) }
      end
      full_gc
      events << :collected
    end
    expect(log.tally).to eq(released: depth, collected: 1)
  end
end
