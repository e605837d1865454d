# frozen_string_literal: true

require_relative "command"

$stdout.sync = true
exit Soak::Command.new(ARGV).run
