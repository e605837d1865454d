# frozen_string_literal: true

# Statements before their database. sqlite3_close refuses to close a database that
# still has a statement: it answers SQLITE_BUSY, and the database leaks. That
# answer is the witness here.
#
#   ruby -I lib examples/sqlite/run.rb
#
# Exits with 0 if with SafePointer every statement and every database was
# released once and no close was refused, and with 1 if not.

require_relative "../comparison"

puts "What became of databases and their statements:", ""
Comparison.new(
  File.join(__dir__, "scenes"),
  "by_hand" => ["freed by hand, in all 24 orders", /SQLITE_BUSY \(18 times\)/],
  "gc" => ["left to GC"],
  "exit" => ["left to exit", /SQLITE_BUSY/],
  "by_hand_and_gc" => ["database by hand, statements by GC", /SQLITE_BUSY \(20 times\)/],
  "by_hand_and_exit" => ["database by hand, statements at exit", /SQLITE_BUSY \(20 times\)/],
  "own_names" => ["close and finalize! (frees_with)", /released twice/],
  "in_use" => ["freed while two threads use them", /used after its release/]
).present
puts "FFI::AutoPointer releases in whatever order the program, the collector and the exit come along with.",
     "SafePointer, with `parent: database`, closed every database after its last statement."
