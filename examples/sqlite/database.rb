# frozen_string_literal: true

require_relative "../ffi_1126/sqlite"

class Database < Stage.base
  def self.open
    take_over(SQLite.open(":memory:"))
  end

  def self.take_over(raw)
    new(Ledger.made(raw))
  end

  # sqlite3_close refuses while there is a statement, and the database leaks.
  def self.release(pointer)
    Ledger.released(pointer)
    status = SQLite.sqlite3_close(pointer)
    Ledger.bad(status == SQLite::BUSY ? "SQLITE_BUSY" : "sqlite3_close: #{status}") unless status == SQLite::OK
  end
end

class Statement < Stage.base
  def initialize(database, sql, parent: database)
    @parent = parent # FFI::AutoPointer can do no more for it than keep it alive
    super(Ledger.made(SQLite.prepare(database, sql)), **Stage.family(parent: parent))
  end

  def self.release(pointer)
    Ledger.released(pointer)
    status = SQLite.sqlite3_finalize(pointer)
    Ledger.bad "sqlite3_finalize: #{status}" unless status == SQLite::OK
  end
end

# A database and three statements, each on a row of its answer.
def open_database(database = Database, statement = Statement)
  opened = database.open
  statements = Array.new(3) { |n| statement.new(opened, "SELECT #{n}").tap { |one| SQLite.sqlite3_step(one) } }
  [opened, *statements]
end
