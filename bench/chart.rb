# frozen_string_literal: true

require_relative "gnuplot"

# The table as a picture, drawn by gnuplot.
class Chart
  ROWS = ["create and free", "create and leave to GC", "live: minor GC", "live: full GC",
          "live: resident bytes each", "live: exit"].freeze
  CONTENDERS = %w[auto_pointer release native limit].freeze
  COLOURS = %w[#999999 #3b6fb6 #c0504d #dddddd].freeze

  def initialize(table, title)
    @table = table
    @title = title
  end

  # As SVG.
  def save(path)
    Gnuplot.run(script(path))
  end

  private

  def script(path)
    <<~GNUPLOT
      set terminal svg size 960,420 font "sans-serif,12" background "white" noenhanced
      set output "#{path}"
      set title "#{@title}"
      set ylabel "beside FFI::AutoPointer; less is better"
      set yrange [0:1.2]
      set bmargin 4
      set grid ytics linecolor "#dddddd"
      set key outside top center horizontal
      set style data histograms
      set style histogram clustered gap 1
      set style fill solid border
      set boxwidth 0.9
      set xtics nomirror
      set datafile missing "?"
      $ratios << END
      #{data}
      END
      plot #{plots}
    GNUPLOT
  end

  def data
    ROWS.map { |row| [label(row), *ratios(row)].join(" ") }.join("\n")
  end

  # In lines of a few words.
  def label(row)
    %("#{row.delete_prefix("live: ").gsub(/(.{1,14})( |\z)/, "\\1\\\\n")}")
  end

  def ratios(row)
    CONTENDERS.map { |contender| @table.ratio(row, contender)&.round(3) || "?" }
  end

  def plots
    CONTENDERS.zip(COLOURS).each_with_index.map do |(contender, colour), index|
      title = Contenders.all.fetch(contender).title
      %($ratios using #{index + 2}:xtic(1) title "#{title}" linecolor "#{colour}")
    end.join(", ")
  end
end
