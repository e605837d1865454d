# frozen_string_literal: true

# Prepared statements of a real database: two finalized by the subclass's own
# `free`, two left to the garbage collector. sqlite3_close refuses to close a
# database that still has a statement, so its answer shows that none is left.

require_relative "../sqlite"

class Statement < Stage.base
  def self.release(pointer)
    Ledger.released(pointer)
    status = SQLite.sqlite3_finalize(pointer)
    Ledger.bad "sqlite3_finalize returned #{status}" unless status == SQLite::OK
  end

  def free
    self.class.release(self)
  end
end

database = SQLite.open(":memory:")

Stage.forgetting do
  statements = Array.new(4) { |n| Statement.new(Ledger.made(SQLite.prepare(database, "SELECT #{n}"))) }
  statements.each { |statement| SQLite.sqlite3_step(statement) }
  statements.first(2).each(&:free)
end

Stage.collect(Statement)
status = SQLite.sqlite3_close(database)
Ledger.check status == SQLite::OK, "sqlite3_close returned SQLITE_OK", "sqlite3_close returned #{status}"
