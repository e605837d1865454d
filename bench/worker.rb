# frozen_string_literal: true

# A contender at a workload, in a process of its own: worker.rb WORKLOAD CONTENDER COUNT. Prints what is known once all
# is ready, and for each line of input does the work once and prints what it measured, all of it as JSON.

require "json"
require_relative "contenders"
require_relative "workloads"

name, contender, count = ARGV
known, turn = Workloads.prepare(name, Contenders.all.fetch(contender), Integer(count))
$stdout.sync = true
puts JSON.generate(known)
puts JSON.generate(turn.call) while $stdin.gets
# How long the end takes is a part of what is measured there.
exit!(true) unless name == Workloads::LIVE
