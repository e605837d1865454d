# frozen_string_literal: true

# What it takes to require a library: require.rb LIBRARY. Prints it as JSON.

def resident
  File.read("/proc/self/status")[/VmRSS:\s+(\d+)/, 1].to_i * 1024
end

def now
  Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
end

before = [now, resident]
require ARGV.fetch(0)
seconds, bytes = [now, resident].zip(before).map { |after, at_first| after - at_first }
puts %({"seconds": #{seconds}, "bytes": #{bytes}})
