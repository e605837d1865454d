# frozen_string_literal: true

require_relative "../../bench/gnuplot"

module Soak
  # The figures of the worker that stays, as a picture, drawn by gnuplot.
  class Chart
    PROCESS = "lasting worker"

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

    def data
      @samples.map { |sample| [sample.released.values.sum, sample.bytes / 1024.0 / 1024, sample.live].join(" ") }.join("\n")
    end
  end
end
