# frozen_string_literal: true

# Every order in which a multi handle, headers and two transfers can be freed.

require_relative "../family"

(0..3).to_a.permutation { |order| multi_family.values_at(*order).each(&:free) }
Ledger.expect_none_left
