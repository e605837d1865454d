# frozen_string_literal: true

# The database is freed by hand, and so is one of its statements. The others live
# to the end of the process.

require_relative "../database"

KEPT = Array.new(20) { open_database }
KEPT.each { |database, statement, *| [database, statement].each(&:free) }
