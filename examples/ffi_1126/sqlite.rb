# frozen_string_literal: true

require_relative "stage"

module SQLite
  OK = 0
  BUSY = 5

  Stage.library(self, "libsqlite3.so.0", "libsqlite3-0")
  attach_function :sqlite3_open, %i[string pointer], :int
  attach_function :sqlite3_prepare_v2, %i[pointer string int pointer pointer], :int
  attach_function :sqlite3_step, [:pointer], :int
  attach_function :sqlite3_finalize, [:pointer], :int
  attach_function :sqlite3_close, [:pointer], :int
  attach_function :sqlite3_get_autocommit, [:pointer], :int

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
