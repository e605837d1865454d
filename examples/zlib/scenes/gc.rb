# frozen_string_literal: true

# Nothing is freed by hand.

require_relative "../round_trip"

Stage.forgetting { 20.times { round_trip } }
Stage.collect(Stream)
Ledger.expect_none_left
