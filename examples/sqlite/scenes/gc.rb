# frozen_string_literal: true

# Nothing is freed by hand: a database and its statements are garbage together.

require_relative "../database"

Stage.forgetting { 20.times { open_database } }
Stage.collect(Statement)
Stage.collect(Database)
Ledger.expect_none_left
