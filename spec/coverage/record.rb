# frozen_string_literal: true

# Required by each Ruby that bin/coverage starts: leaves in a file of its own which lines of the library have run. A
# process that forks hands on what has run before. One that ends with exit! or by a signal leaves nothing.
require "coverage"

Coverage.start(oneshot_lines: true)

at_exit do
  next unless Coverage.running?

  lines = Coverage.peek_result.select { |path, _| path.start_with?(ENV.fetch("COVERAGE_OF")) }
  lines.transform_values! { |result| result[:oneshot_lines] }
  file = File.join(ENV.fetch("COVERAGE_IN"), "#{Process.pid}-#{Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)}")
  File.binwrite(file, Marshal.dump(lines))
end
