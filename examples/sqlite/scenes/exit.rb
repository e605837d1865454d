# frozen_string_literal: true

# Everything lives to the end of the process. Ruby may release then in the order
# in which pointers were made, or the other way round, so half of the databases
# become pointers after their statements.

require_relative "../database"

def take_over_database
  raw = SQLite.open(":memory:")
  statements = Array.new(3) { |n| Statement.new(raw, "SELECT #{n}", parent: nil) }
  database = Database.take_over(raw)
  Stage.adopt(database, *statements)
  [database, *statements]
end

KEPT = Array.new(10) { [open_database, take_over_database] }
