# frozen_string_literal: true

# Owners of libusb devices, by hand and with SafePointer::Releaser, on a bus that
# umockdev simulates. libusb is the real one, and its own log is the witness: it
# names each device of which the last reference is given back.
#
#   ruby -I lib examples/libusb/run.rb
#
# Exits with 0 if, with SafePointer::Releaser, libusb destroyed each device once
# and when it was due, and by hand some of them too early; and with 1 if not.

require_relative "fates"
require_relative "trial"

WIDTHS = [6, 6, 27, 21, 21].freeze

# By hand, from here on libusb walks through memory it has freed, and no two runs
# are alike.
END_OF_PROCESS = ["at exit", "by libusb_exit"].freeze

def row(*cells)
  cells.zip(WIDTHS).map { |text, width| text.ljust(width) }.join("  ").rstrip
end

def cell(fate, moments)
  return moments.first || "-" if moments.empty? || moments == [fate.due]

  "#{moments.join(", ")}: #{fate.pulled ? "wrong" : "too early"}"
end

by_hand, safe = %w[DeviceByHand Device].map { |owner| Trial.new(owner).run }
lacking = [by_hand, safe].filter_map(&:unavailable).uniq
abort lacking.join("\n") unless lacking.empty?

by_hand_before_exit = FATES.to_h { |fate| [fate, by_hand.destroyed(fate.address) - END_OF_PROCESS] }
with_releaser = FATES.to_h { |fate| [fate, safe.destroyed(fate.address)] }

rule = row(*WIDTHS.map { |width| "-" * width })
puts "When libusb destroyed each device:", "",
     row("Device", "Plug", "Its owner was", "by hand, before exit", "SafePointer::Releaser"), rule,
     FATES.map { |fate|
       row(fate.address, fate.plug, fate.story, cell(fate, by_hand_before_exit[fate]), cell(fate, with_releaser[fate]))
     }, rule,
     row("", "", "How the process ended", by_hand.ending, safe.ending), "",
     "-: not before exit. By hand, libusb then walks through memory it has freed.", ""

# Destroyed while plugged in: the reference that was given back was libusb's.
early = FATES.count { |fate| !fate.pulled && by_hand_before_exit[fate].any? }
wrong = FATES.reject { |fate| with_releaser[fate] == [fate.due] && !safe.referenced?(fate.address) }

abort "Unexpected with SafePointer::Releaser: device #{wrong.map(&:address).join(", ")}" unless wrong.empty?
abort "Unexpected with SafePointer::Releaser: #{safe.complaint || safe.ending}" if safe.complaint || !safe.success?
abort "Unexpected by hand: libusb kept what it had on its list." if early.zero?

puts "By hand, #{early} devices were destroyed while libusb still had them on its list.",
     "With SafePointer::Releaser all #{FATES.size} were destroyed once, when their last reference was given back."
