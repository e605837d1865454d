# frozen_string_literal: true

# What mandelbrot.comp does, in Ruby. Its comments are there.
module Mandelbrot
  WIDTH = 320
  HEIGHT = 240
  ONE = 1 << 12
  MOST = 64

  module_function

  # RGBA, row by row.
  def pixels
    places = Array.new(HEIGHT) { |row| Array.new(WIDTH) { |column| [column, row] } }.flatten(1)
    places.map { |column, row| color(steps(column, row)) }.pack("L<*")
  end

  def steps(column, row)
    left = (column * 3 * ONE / WIDTH) - (9 * ONE / 4)
    top = (row * 9 * ONE / 4 / HEIGHT) - (9 * ONE / 8)
    x = y = steps = 0
    while steps < MOST && (x * x) + (y * y) <= 4 * ONE * ONE
      x, y = (((x * x) - (y * y)) >> 12) + left, ((x * y) >> 11) + top
      steps += 1
    end
    steps
  end

  def color(steps)
    return 0xff000000 if steps == MOST

    0xff000000 | ((255 - (steps * 3)) << 16) | ((steps * steps / 16) << 8) | (steps * 4)
  end
end
