# frozen_string_literal: true

require_relative "command"

$stdout.sync = true
exit Mutants::Command.new(ARGV).run
