# frozen_string_literal: true

require "zlib"

# PNG files, from pixels of 4 bytes: red, green, blue and alpha.
module PNG
  SIGNATURE = "\x89PNG\r\n\x1a\n".b
  RGBA = [8, 6, 0, 0, 0].freeze # bits each, colour type, and nothing special
  UNFILTERED = "\0"

  module_function

  def encode(width, height, pixels)
    rows = Array.new(height) { |row| UNFILTERED + pixels.byteslice(row * width * 4, width * 4) }
    SIGNATURE +
      chunk("IHDR", [width, height, *RGBA].pack("N2C5")) +
      chunk("IDAT", Zlib.deflate(rows.join)) +
      chunk("IEND", "")
  end

  def chunk(type, data)
    [data.bytesize, type, data, Zlib.crc32(type + data)].pack("Na*a*N")
  end
end
