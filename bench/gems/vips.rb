# frozen_string_literal: true

require_relative "program"
require "tmpdir"

# Previews of pictures with ruby-vips, as a web application makes them of what is uploaded. Each picture, operation and
# value that is passed is a ManagedStruct, and memory that libvips returns is an AutoPointer. All are left to GC: the
# gem has no other way.
class Previews
  SIZES = [[320, 240], [64, 48]].freeze

  # A picture with `width` times `height` pixels of libvips' own noise, as a file: Debian has none to rely on.
  def self.draw(path, width, height)
    colours = Array.new(3) { |seed| Vips::Image.perlin(width, height, cell_size: 32 << seed, seed: seed, uchar: true) }
    colours.first.bandjoin(colours.drop(1)).copy(interpretation: :srgb).write_to_file(path)
  end

  def initialize(path)
    @path = path
  end

  # The sum of the bytes of all previews.
  def make
    picture = Vips::Image.new_from_file(@path)
    SIZES.sum { |width, height| preview(picture, width, height) }
  end

  private

  def preview(picture, width, height)
    small = picture.thumbnail_image(width - 8, height: height - 8, crop: :centre).sharpen
    small = (small.linear([1.1], [-8]).cast(:uchar) * [1.0, 0.98, 0.94]).cast(:uchar)
    framed = small.embed(4, 4, width, height, background: [255, 255, 255])
    marked = framed.draw_rect([200, 0, 0], 8, 8, 12, 12, fill: true).copy_memory
    marked.avg.finite? or raise "no average"
    [marked, marked.fliphor.colourspace(:b_w)].sum { |one| one.write_to_buffer(".jpg[Q=80]").bytesize }
  end
end

# [width, height, how often]
JOBS = { "large" => [1_600, 1_200, 12], "small" => [160, 120, 80] }.freeze

Program.run("vips") do |size, _url|
  width, height, count = JOBS.fetch(size)
  bytes = Dir.mktmpdir do |directory|
    path = File.join(directory, "picture.png")
    Previews.draw(path, width, height)
    previews = Previews.new(path)
    Array.new(count) { previews.make }.sum
  end
  ["ruby-vips #{Vips::VERSION}, libvips #{Vips.version_string}: previews of #{count} pictures of " \
   "#{width}×#{height} pixels", bytes]
end
