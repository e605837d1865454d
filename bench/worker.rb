# frozen_string_literal: true

# A contender at a workload, in a process of its own: worker.rb WORKLOAD CONTENDER COUNT. Prints what is known once all
# is ready, and for each line of input does the work once and prints what it measured, all of it as JSON.
#
# With COLLECT_ONCE in the environment Ruby collects when the work is done, and not before.

require "json"
require_relative "contenders"
require_relative "workloads"

name, contender, count = ARGV
GC.disable if ENV.key?("COLLECT_ONCE")
known, turn = Workloads.prepare(name, Contenders.all.fetch(contender), Integer(count))
$stdout.sync = true
puts JSON.generate(known)
while $stdin.gets
  puts JSON.generate(turn.call)
  GC.start if ENV.key?("COLLECT_ONCE")
end
# How long the end takes is a part of what is measured there.
exit!(true) unless name == Workloads::LIVE
