# frozen_string_literal: true

require_relative "program"
require_relative "../../examples/ffi_1126/sqlite"

# What the example does without.
module SQLite
  ROW = 100

  attach_function :sqlite3_libversion, [], :string
  attach_function :sqlite3_bind_int64, %i[pointer int int64], :int
  attach_function :sqlite3_bind_text, %i[pointer int string int pointer], :int
  attach_function :sqlite3_column_int64, %i[pointer int], :int64
  attach_function :sqlite3_column_text, %i[pointer int], :string
  # Waits for statements that GC has not yet released.
  attach_function :sqlite3_close_v2, [:pointer], :int
end

# As in examples/sqlite, on FFI::AutoPointer.
class Database < FFI::AutoPointer
  def self.release(pointer) = SQLite.sqlite3_close_v2(pointer)

  def self.open(path) = new(SQLite.open(path))

  def execute(sql) = Statement.new(self, sql).tap(&:run).free
end

# Keeps its database alive.
class Statement < FFI::AutoPointer
  COPY = FFI::Pointer.new(-1)

  def self.release(pointer) = SQLite.sqlite3_finalize(pointer)

  def initialize(database, sql)
    @database = database
    super(SQLite.prepare(database, sql))
  end

  def bind(number, text = nil)
    SQLite.sqlite3_bind_int64(self, 1, number)
    SQLite.sqlite3_bind_text(self, 2, text, text.bytesize, COPY) if text
    self
  end

  # Calls the block for each row.
  def run
    yield while SQLite.sqlite3_step(self) == SQLite::ROW
  end

  def text(column) = SQLite.sqlite3_column_text(self, column)

  def number(column) = SQLite.sqlite3_column_int64(self, column)
end

# Each statement is freed by hand, or left to GC.
class Words
  def initialize(freed)
    @freed = freed
    @database = Database.open(":memory:")
    @database.execute("CREATE TABLE words (number INTEGER PRIMARY KEY, text TEXT)")
  end

  def add(number)
    run(Statement.new(@database, "INSERT INTO words VALUES (?, ?)").bind(number, "word #{number}"))
  end

  # The length of the word.
  def find(number)
    length = nil
    run(Statement.new(@database, "SELECT text, number FROM words WHERE number = ?").bind(number)) do |statement|
      statement.number(1) == number or raise "not number #{number}"
      length = statement.text(0).bytesize
    end
    length
  end

  private

  def run(statement)
    statement.run { yield statement }
    statement.free if @freed
  end
end

COUNT = 50_000

Program.run do |how, _url|
  words = Words.new(how == "freed")
  COUNT.times { |number| words.add(number) }
  lengths = Array.new(COUNT) { |number| words.find(number) }
  ["SQLite #{SQLite.sqlite3_libversion}: #{COUNT * 2} statements, #{how}", lengths.sum]
end
