# frozen_string_literal: true

# All 720 orders of the kinds from the device on, which are made far sooner than
# an instance.

require_relative "../family"

instance = Instance.new
(Family::KINDS - [:instance]).permutation { |order| Family.free(Family.create_device(instance), order) }
instance.free
Ledger.expect_none_left
