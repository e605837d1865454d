# frozen_string_literal: true

# Every order in which a database and three statements can be freed.

require_relative "../database"

(0..3).to_a.permutation do |order|
  open_database.values_at(*order).each(&:free)
end
Ledger.expect_none_left
