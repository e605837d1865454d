# frozen_string_literal: true

# Databases have a method `close` and statements `finalize!`. FFI::AutoPointer
# knows `free` only, and releases again what these have released.

require_relative "../database"

class ClosedDatabase < Database
  frees_with :close if respond_to?(:frees_with)

  def close = self.class.release(self)
end

class FinalizedStatement < Statement
  frees_with :finalize! if respond_to?(:frees_with)

  def finalize! = self.class.release(self)
end

Stage.forgetting do
  4.times do |position|
    database, *statements = open_database(ClosedDatabase, FinalizedStatement)
    statements.map { |statement| statement.method(:finalize!) }.insert(position, database.method(:close)).each(&:call)
  end
end
Stage.collect(Statement)
Stage.collect(Database)
Ledger.expect_none_left
