# frozen_string_literal: true

# Where the error of a release goes that had to wait for a lease.
RSpec.describe SafePointer, "#use, and the error of a release that had to wait" do
  refusal = "#{__FILE__}:#{__LINE__ + 1}"
  def refuse = ->(_) { raise IOError, "device busy" }

  it "leaves the block's value as it is, and is one warning" do
    child = fork_child do |events|
      pointer = Handle.new(raw = events.raw, refuse)
      events << raw.address
      events << pointer.use { pointer.free || :value }
      events << [pointer.free, pointer.freed?, pointer.null?]
    end
    address, *rest = child.events
    expect(rest).to eq [:value, [nil, true, true]]
    expect(child.stderr).to match(
      /\Asafe_pointer:\ release\ of\ Handle\ address=#{Address.print(address)}\ by\ a\ block\ at\ #{refusal}
       \ after\ its\ last\ lease\ raised\ IOError:\ device\ busy\ \(#{refusal}:.*\)\n\z/x
    )
    expect(child.exitstatus).to be 0
  end

  # What is done with a pointer whose release raises, and the log of it, in which on_release_error says what comes there.
  busy = ["device busy", Handle, :lease]
  {
    "goes to on_release_error once, with :lease as its trigger" => [
      lambda { |events, pointer|
        pointer.use { 3.times { pointer.free } }
        Reach.full_gc
        events << pointer.freed?
      },
      [busy, true]
    ],
    "leaves the block's error as it is" => [
      lambda { |events, pointer|
        events << (pointer.use { pointer.free || raise(KeyError, "the block's") } rescue [$!.class, $!.message])
      },
      [busy, [KeyError, "the block's"]]
    ],
    "goes to the caller of a free that did not have to wait" => [
      lambda { |events, pointer|
        pointer.use { events << :used }
        events << (pointer.free rescue $!.message) << pointer.freed?
      },
      [:used, "device busy", true]
    ]
  }.each do |what, (steps, expected)|
    it what do
      log = in_child do |events|
        SafePointer.on_release_error { |error, info| events << [error.message, info[:class], info[:trigger]] }
        steps.call(events, Handle.new(events.raw, refuse))
      end
      expect(log).to eq expected
    end
  end

  it "goes there from a free of the class's own, too" do
    log = in_child do |events|
      SafePointer.on_release_error { |error, info| events << [error.message, info[:trigger]] }
      type = Class.new(Handle) { def free(mode) = raise(IOError, "not #{mode}") }
      pointer = type.new(events.raw)
      events << pointer.use { pointer.free(:now) || :value }
      events << [pointer.free(:again), pointer.freed?]
    end
    expect(log).to eq [["not now", :lease], :value, [nil, true]]
  end

  it "is no error where the release throws: that goes on its way" do
    log = in_child do |events|
      pointer = SafePointer.new(events.raw, ->(_) { throw :out, :thrown })
      events << catch(:out) { pointer.use { pointer.free } }
      events << [pointer.free, pointer.freed?, pointer.null?]
    end
    expect(log).to eq [:thrown, [nil, true, true]]
  end
end
