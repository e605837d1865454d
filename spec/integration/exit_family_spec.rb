# frozen_string_literal: true

# How Ruby orders finalizers is its own affair, so the family is made, and kept, in every order.
RSpec.describe "the end of the process comes to families" do
  makings = {
    "made from the top" => <<~RUBY,
      $pointers = [Handle.new(events.raw(:top))]
      %i[middle bottom].each { |name| $pointers << Handle.new(events.raw(name), parent: $pointers.last) }
    RUBY
    "tied from the bottom" => <<~RUBY,
      $pointers = %i[bottom middle top].map { |name| Handle.new(events.raw(name)) }
      $pointers.each_cons(2) { |child, parent| child.parent = parent }
    RUBY
    "tied across" => <<~RUBY,
      $pointers = %i[middle top bottom].map { |name| Handle.new(events.raw(name)) }
      middle, top, bottom = $pointers
      bottom.parent = middle
      middle.parent = top
    RUBY
    "freed from the top before" => <<~RUBY
      $pointers = [Handle.new(events.raw(:top))]
      %i[middle bottom].each { |name| $pointers << Handle.new(events.raw(name), parent: $pointers.last) }
      $pointers.first(2).each(&:free)
    RUBY
  }

  makings.each do |how, making|
    ["", "exit", "abort", "raise 'unhandled'", "Thread.new { exit }.join; Thread.stop"].each do |ending|
      it "#{how}, children first, when it ends with #{ending.empty? ? "the code" : ending}" do
        child = run_ruby("#{making}\n#{ending}")
        expect(child.events).to eq %i[bottom middle top].map { |name| [:released, name] }
        expect(child.signal).to be_nil
      end
    end
  end

  it "that are large, children first" do
    child = run_ruby(<<~RUBY)
      random = Random.new(1)
      $pointers = [Handle.new(events.raw(:p0))]
      1.upto(500) { |i| $pointers << Handle.new(events.raw(:"p\#{i}"), parent: $pointers.sample(random: random)) }
      events << $pointers.drop(1).map { |pointer| $pointers.index(pointer.parent) }
      $pointers.shuffle!(random: random)
    RUBY
    parents, *releases = child.events
    order = releases.map { |_, name| Integer(name[1..]) }
    position = order.each_with_index.to_h
    expect(child).to be_quiet
    expect(order).to match_array(0..500)
    expect(parents.each.with_index(1).reject { |parent, i| position[i] < position[parent] }).to eq []
  end

  it "with a child whose release raises, and releases its parent" do
    child = run_ruby(<<~RUBY)
      SafePointer.on_release_error { |error, info| events << [error.message, info[:trigger]] }
      $top = Handle.new(events.raw(:top))
      $bottom = SafePointer.new(events.raw, ->(_) { raise "refused" }, parent: $top)
    RUBY
    expect(child).to be_quiet
    expect(child.events).to contain_exactly(["refused", :exit], [:released, :top])
  end
end
