# frozen_string_literal: true

# Nothing is freed by hand: whole families are garbage.

require_relative "../family"

Stage.forgetting { 5.times { Family.create } }
Stage.collect(VulkanObject)
Ledger.expect_none_left
