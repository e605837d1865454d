# frozen_string_literal: true

require_relative "code_blocks"

# The picture of the life of a pointer in the README: a pointer goes along each of its arrows.
RSpec.describe "The life of a pointer in the README" do
  picture = CodeBlocks.pictures("README.md").fetch(0).code
  arrows = picture.lines(chomp: true).map(&:strip).grep(/ --> /)

  # What a program can see: waiting and releasing are both `:claimed`. What is alive is given away, and released here.
  def state(pointer)
    return :detached if pointer.detached?
    return :released if pointer.freed?

    Oracle.free(pointer.detach)
    :alive
  rescue SafePointer::ReleasedError
    :claimed
  end

  ways = {
    "[*] --> alive: new" => lambda do |events|
      events << state(events.pointer)
    end,
    "alive --> releasing: the first of free, GC and exit" => lambda do |events|
      out_of_reach { Events.current.pointer(:gc) }
      full_gc
      events << :collected
      @left = events.pointer(:exit)
      @freed = events.pointer(:free, release: lambda { |raw|
        events << state(@freed) << @freed.free
        Oracle.free(raw)
      })
      @freed.free
    end,
    "alive --> waiting: the same, with a lease or a child" => lambda do |events|
      @leased = events.pointer(:leased)
      @leased.use do
        @leased.free
        events << state(@leased)
      end
      @parent = events.pointer(:parent)
      @child = events.pointer(:child, parent: @parent)
      @parent.free
      events << state(@parent)
    end,
    "waiting --> releasing: the last lease or child ends" => lambda do |events|
      @parent = events.pointer(:parent)
      children = Array.new(2) { events.pointer(:child, parent: @parent) }
      @parent.free
      children.each { |child| events << child.free }
      @parent = events.pointer(:leased)
      @parent.use do
        @parent.use { events << @parent.free }
        events << :one_left
      end
    end,
    "releasing --> released: the release returns or raises" => lambda do |events|
      returns = events.pointer
      returns.free
      raises = events.pointer(release: lambda { |raw|
        Oracle.free(raw)
        raise IOError
      })
      begin
        raises.free
      rescue IOError
        events << state(returns) << state(raises)
      end
    end,
    "alive --> detached: detach" => lambda do |events|
      pointer = events.pointer
      raw = pointer.detach
      events << state(pointer) << pointer.free
      Oracle.free(raw)
    end,
    "released --> [*]" => lambda do |events|
      @pointer = events.pointer
      @pointer.free
      events << @pointer.free
    end,
    "detached --> [*]" => lambda do |events|
      out_of_reach { @raw = Events.current.pointer.detach }
      full_gc
      events << :collected
      Oracle.free(@raw)
    end
  }
  logs = {
    "[*] --> alive: new" => [:released, :alive],
    "alive --> releasing: the first of free, GC and exit" =>
      [%i[released gc], :collected, :claimed, nil, %i[released free], %i[released exit]],
    "alive --> waiting: the same, with a lease or a child" =>
      [:claimed, %i[released leased], :claimed, %i[released child], %i[released parent]],
    "waiting --> releasing: the last lease or child ends" =>
      [%i[released child], nil, %i[released child], %i[released parent], nil, nil, :one_left, %i[released leased]],
    "releasing --> released: the release returns or raises" => [:released, :released, :released, :released],
    "alive --> detached: detach" => [:detached, nil, :released],
    "released --> [*]" => [:released, nil],
    "detached --> [*]" => [:collected, :released]
  }

  it "has no other arrow" do
    expect(arrows).to match_array ways.keys
  end

  arrows.each do |arrow|
    it "goes #{arrow}" do
      way = ways.fetch(arrow)
      expect(in_child { |events| instance_exec(events, &way) }).to eq logs.fetch(arrow)
    end
  end
end
