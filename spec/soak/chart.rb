# frozen_string_literal: true

require_relative "../../bench/gnuplot"

module Soak
  # The figures of the worker that stays, as a picture, drawn by gnuplot.
  class Chart
    PROCESS = "lasting worker"
    # More than are drawn apart from each other.
    POINTS = 1_000
    private_constant :POINTS

    def initialize(samples, title)
      @samples = samples.select { |sample| sample.process == PROCESS }
      @title = title
    end

    # As SVG.
    def save(path)
      Gnuplot.run(script(path))
    end

    private

    def script(path)
      <<~GNUPLOT
        set terminal svg size 960,360 font "sans-serif,12" background "white" noenhanced
        set output "#{path}"
        set title "#{@title}"
        set xlabel "pointers released"
        set ylabel "memory in MiB"
        set y2label "pointers alive"
        set yrange [0:*]
        set y2range [0:*]
        set ytics nomirror
        set y2tics
        set format x "%'.0f"
        set grid ytics linecolor "#dddddd"
        set key outside top center horizontal
        $samples << END
        #{data}
        END
        plot $samples using 1:2 with lines linecolor "#3b6fb6" title "memory", \\
             $samples using 1:3 axes x1y2 with lines linecolor "#c0504d" title "alive"
      GNUPLOT
    end

    # Of samples that are one point, the highest figures: no peak is left out.
    def data
      @samples.each_slice((@samples.size / POINTS) + 1).map do |samples|
        released = samples.last.released.values.sum
        [released, samples.map(&:bytes).max / 1024.0 / 1024, samples.map(&:live).max].join(" ")
      end.join("\n")
    end
  end
end
