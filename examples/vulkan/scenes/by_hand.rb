# frozen_string_literal: true

# Any two kinds of objects go first, and the others parents before children or
# the other way round: 84 orders, of the instance and all that is below.

require_relative "../family"

Family::KINDS.permutation(2) do |first|
  others = Family::KINDS - first
  [others, others.reverse].each { |rest| Family.free(Family.create, first + rest) }
end
Ledger.expect_none_left
