# frozen_string_literal: true

require "zlib"

# A reader of PNG files, apart from the writer that an example has. Of pixels that
# are four bytes each, and not filtered.
class PNGFile
  SIGNATURE = "\x89PNG\r\n\x1a\n".b

  # The types of the chunks, in order; and the pixels, row by row.
  attr_reader :types, :header, :rows

  def initialize(path)
    signature, rest = File.binread(path).unpack("a8a*")
    raise "no PNG file" unless signature == SIGNATURE

    @types = []
    until rest.empty?
      size, rest = rest.unpack("Na*")
      type, data, checksum, rest = rest.unpack("a4a#{size}Na*")
      raise "#{type} has another checksum" unless Zlib.crc32(type + data) == checksum

      read(type, data)
    end
  end

  private

  def read(type, data)
    @types << type
    case type
    when "IHDR" then @header = data.unpack("N2C5")
    when "IDAT" then @rows = pixels(Zlib.inflate(data), header.first)
    end
  end

  # A byte before each row says how it is filtered.
  def pixels(data, width)
    data.bytes.each_slice(1 + (width * 4)).map do |filter, *bytes|
      raise "a row is filtered" unless filter.zero?

      bytes.each_slice(4).to_a
    end
  end
end
