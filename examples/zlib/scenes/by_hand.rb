# frozen_string_literal: true

# Round trips, and each stream is freed by hand, twice.

require_relative "../round_trip"

4.times { round_trip.each { |stream| 2.times { stream.free } } }
Ledger.expect_none_left
