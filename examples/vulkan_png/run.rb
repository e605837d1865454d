# frozen_string_literal: true

# A picture from a compute shader on llvmpipe. Thirteen kinds of Vulkan objects take
# part, each of them owned, and nobody frees any: GC takes all of it down, children
# before parents. The validation layer is the witness.
#
#   ruby -I lib examples/vulkan_png/run.rb [FILE.png]
#
# Exits with 0 if all was released once, the layer had nothing to report, and every
# pixel is what Ruby computes; and with 1 if not.

require "fileutils"
require_relative "../ffi_1126/trial"
require_relative "mandelbrot"
require_relative "png"

Scene = Struct.new(:file)

path = File.expand_path(ARGV.fetch(0) { File.join(__dir__, "../../tmp/mandelbrot.png") })
FileUtils.mkdir_p(File.dirname(path))
FileUtils.rm_f(path)
ENV["PICTURE"] = path

trial = Trial.new(Scene.new(File.join(__dir__, "scenes/gc")), "SafePointer").run
abort trial.unavailable if trial.unavailable

objects = trial.findings("good").sort
puts "objects:", objects.map { |finding| "  #{finding}" },
     "released once by GC: #{trial.releases.count(1)} of #{trial.releases.size}, " \
     "and #{objects.size - trial.releases.size} with their pools",
     "validation layer: #{trial.messages.empty? ? "nothing to report" : trial.messages.join(", ")}",
     "how the process ended: #{trial.ending}", ""
trial.findings("bad").each { |finding| puts "Unexpected: #{finding}" }
abort "Unexpected: #{trial.complaint || "see above"}" unless trial.clean? && trial.released_once?

width = Mandelbrot::WIDTH
height = Mandelbrot::HEIGHT
expected = Mandelbrot.pixels
unless File.binread(path) == PNG.encode(width, height, expected)
  abort "Unexpected: the picture is not what Ruby draws."
end

colors = expected.unpack("L<*").uniq.size
puts "#{File.basename(path)}: #{width} x #{height} pixels in #{colors} colors, all as Ruby computes them"
