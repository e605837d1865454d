# frozen_string_literal: true

# Prepared statements of a real database: two finalized by the subclass's own
# `free`, two left to the garbage collector. sqlite3_close refuses to close a
# database that still has a statement, so its answer shows that none is left.

require_relative "../stage"

module SQLite
  OK = 0

  Stage.library(self, "libsqlite3.so.0", "libsqlite3-0")
  attach_function :sqlite3_open, %i[string pointer], :int
  attach_function :sqlite3_prepare_v2, %i[pointer string int pointer pointer], :int
  attach_function :sqlite3_step, [:pointer], :int
  attach_function :sqlite3_finalize, [:pointer], :int
  attach_function :sqlite3_close, [:pointer], :int

  def self.open(path)
    create { |slot| sqlite3_open(path, slot) }
  end

  def self.prepare(database, sql)
    create { |slot| sqlite3_prepare_v2(database, sql, -1, slot, nil) }
  end

  def self.create
    slot = FFI::MemoryPointer.new(:pointer)
    status = yield(slot)
    raise "SQLite answered #{status}" unless status == OK

    slot.read_pointer
  end
  private_class_method :create
end

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
