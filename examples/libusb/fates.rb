# frozen_string_literal: true

# What becomes of a device.
#
# +pulled+: its plug is pulled while the program holds it. libusb has a reference
# of its own to each device that is plugged in, and gives it back then; from
# there on the owner's reference is the last one.
# +closes+: how often the program closes the owner.
# +kept+: the owner lives to the end of the process.
Fate = Struct.new(:address, :pulled, :closes, :kept) do
  def initialize(address, pulled: false, closes: 0, kept: false)
    super(address, pulled, closes, kept)
  end

  # When libusb is to destroy the device: neither sooner nor later, and once.
  def due
    return "by libusb_exit" unless pulled
    return "at close" if closes.positive?

    kept ? "at exit" : "at GC"
  end

  def plug
    pulled ? "pulled" : "in"
  end

  def story
    rest = "left to #{kept ? "exit" : "GC"}"
    case closes
    when 0 then rest
    when 1 then "closed, #{rest}"
    else "closed #{closes} times, #{rest}"
    end
  end
end

# In the order of their addresses, which are the numbers of bus and device. The
# first is the hub: it has the others on its ports.
FATES = [
  Fate.new("1.1", kept: true),
  Fate.new("1.2", closes: 1),
  Fate.new("1.3", closes: 1, pulled: true),
  Fate.new("1.4", closes: 2),
  Fate.new("1.5", closes: 1, kept: true),
  Fate.new("1.6"),
  Fate.new("1.7", pulled: true),
  Fate.new("1.8", kept: true),
  Fate.new("1.9", kept: true, pulled: true)
].freeze
