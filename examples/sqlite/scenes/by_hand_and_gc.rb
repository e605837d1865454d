# frozen_string_literal: true

# The database is freed by hand, and its statements are left to the garbage
# collector.

require_relative "../database"

Stage.forgetting { 20.times { open_database.first.free } }
Stage.collect(Statement)
Stage.collect(Database)
Ledger.expect_none_left
