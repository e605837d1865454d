# frozen_string_literal: true

# One measurement in a process of its own: worker.rb WORKLOAD CONTENDER COUNT. Prints it as JSON.

require "json"
require_relative "contenders"
require_relative "workloads"

name, contender, count = ARGV
contender = Contenders.all.fetch(contender)
count = Integer(count)

case name
when "live"
  puts JSON.generate(Workloads.live(contender, count))
  $stdout.flush
  # How long the end takes, the process that started this one knows.
when "grow"
  puts JSON.generate(Workloads.grow(contender, count))
  $stdout.flush
  exit!(true)
else
  workload = Workloads.all.fetch(name)
  done = workload.call(contender, [count / 10, 8].max)
  GC.start
  seconds = Workloads.clock { workload.call(contender, count) } if done
  puts JSON.generate("seconds" => seconds)
  $stdout.flush
  exit!(true)
end
