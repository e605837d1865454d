# frozen_string_literal: true

# Every order in which the secure heap and two keys can be freed.

require_relative "../keys"

(0..2).to_a.permutation do |order|
  heap = SecureHeap.new
  keys = Array.new(2) { Key.new(heap) }
  signatures = keys.map { |key| key.sign("Dear Ada") }
  Ledger.bad "two keys sign alike" if signatures.uniq.one?
  [heap, *keys].values_at(*order).each(&:free)
end
Ledger.expect_none_left
