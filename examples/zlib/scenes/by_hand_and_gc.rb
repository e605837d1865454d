# frozen_string_literal: true

# Streams are freed by hand, once, and then they are garbage.

require_relative "../round_trip"

Stage.forgetting { 4.times { round_trip.each(&:free) } }
Stage.collect(Stream)
Ledger.expect_none_left
