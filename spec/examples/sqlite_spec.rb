# frozen_string_literal: true

require_relative "comparison"

# Statements as children of their database, with the real SQLite: sqlite3_close
# says itself whether it came too early.
RSpec.describe "examples/sqlite" do
  include_examples(
    "a comparison", "sqlite",
    with_safe_pointer: "has every statement finalized before its database is closed",
    releases: {
      "freed by hand, in all 24 orders" => 24 * 4,
      "left to GC" => 20 * 4,
      "left to exit" => 20 * 4,
      "database by hand, statements by GC" => 20 * 4,
      "database by hand, statements at exit" => 20 * 4,
      "close and finalize! (frees_with)" => 4 * 4,
      "freed while two threads use them" => 4
    },
    with_auto_pointer: "shows what FFI::AutoPointer does",
    faults: {
      "freed by hand, in all 24 orders" => /\ASQLITE_BUSY \(18 times\)/,
      "left to exit" => /\ASQLITE_BUSY/,
      "database by hand, statements by GC" => /\ASQLITE_BUSY \(20 times\)/,
      "database by hand, statements at exit" => /\ASQLITE_BUSY \(20 times\)/,
      "close and finalize! (frees_with)" => /released twice/,
      "freed while two threads use them" => /used after its release/
    }
  )
end
