# frozen_string_literal: true

require_relative "command"

$stdout.sync = true
exit Fuzz::Command.new(ARGV).run
