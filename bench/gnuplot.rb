# frozen_string_literal: true

require "open3"

# What draws the charts.
module Gnuplot
  # Runs a script, which says what it draws and where to.
  def self.run(script)
    _, status = Open3.capture2("gnuplot", stdin_data: script)
    status.success? or abort "gnuplot could not draw the chart."
  rescue Errno::ENOENT
    abort "A chart takes gnuplot. Install it with your package manager."
  end
end
