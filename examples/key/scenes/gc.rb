# frozen_string_literal: true

# Nothing is freed by hand: the secure heap and its keys are garbage together.

require_relative "../keys"

Stage.forgetting do
  heap = SecureHeap.new
  20.times { Key.new(heap).sign("Dear Ada") }
end
Stage.collect(Key)
Stage.collect(SecureHeap)
Ledger.expect_none_left
