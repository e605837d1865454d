# frozen_string_literal: true

require_relative "../support/no_memory"
NoMemory.preload

require_relative "command"

$stdout.sync = true
exit Fuzz::Command.new(ARGV).run
