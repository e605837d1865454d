# frozen_string_literal: true

# A thread is in the middle of a statement, and another one of the database, when
# both are freed.

require_relative "../database"

def use(pointer, &block)
  pointer.respond_to?(:use) ? pointer.use(&block) : block.call(pointer)
end

# Yields twice, before and after +freed+ has something to say.
def user_of(pointer, began, freed)
  Thread.new do
    use(pointer) do |raw|
      yield raw
      began << true
      freed.pop
      Ledger.bad "used after its release" if Ledger.released?(raw)
      yield raw
    end
  end
end

database, *statements = open_database
began = Queue.new
freed = Queue.new
users = [
  user_of(statements.first, began, freed) { |raw| SQLite.sqlite3_step(raw) },
  user_of(database, began, freed) { |raw| SQLite.sqlite3_get_autocommit(raw) }
]
users.each { began.pop }
[database, *statements].each(&:free)
users.each { freed << true }
users.each(&:join)
Ledger.expect_none_left
