# frozen_string_literal: true

# What `size:` is for. To Ruby, a pointer to 1 MB is an object of a few bytes, and
# its garbage collector sees no reason to run. Here a program goes through 10 GB
# in such blocks and frees none by hand: with the size told and untold, alone and
# beside objects of its own, with which Ruby collects more rarely still. Each run
# is a process, which ends when 1,536 blocks are alive.
#
#   ruby -I lib examples/native_size/run.rb
#
# Exits with 0 if with `size:` all runs came to their end, on a fraction of the
# memory; and with 1 if not.

require "open3"
require "rbconfig"

BLOCKS = 10_000
OBJECTS = [0, 300_000].freeze
FRACTION = 4

PROGRAM = File.expand_path("blocks.rb", __dir__)
LIB = File.expand_path("../../lib", __dir__)

Run = Struct.new(:objects, :told, :made, :most, :collections, :peak) do
  def self.of(objects, told)
    command = [RbConfig.ruby, "-I", LIB, PROGRAM, BLOCKS.to_s, told, objects.to_s]
    output, status = Open3.capture2e(*command)
    status.success? or abort "The run with #{objects} objects, size #{told}, ended with #{status}:\n#{output}"

    new(objects, told, *%w[made most collections peak].map { |name| Integer(output[/^#{name}: (\d+)$/, 1]) })
  end

  def complete?
    made == BLOCKS
  end

  def cells
    [grouped(objects), told, grouped(made), grouped(most), grouped(collections), "#{grouped(peak)} MB",
     complete? ? "" : "  ended there"]
  end

  private

  def grouped(number)
    number.to_s.gsub(/(?<=\d)(?=(\d{3})+\z)/, ",")
  end
end

HEADINGS = ["Objects besides", "The size", "Blocks made", "Alive at once", "Collections", "Peak memory", ""].freeze
WIDTHS = HEADINGS.map(&:size)

def row(cells)
  cells.zip(WIDTHS).map { |cell, width| cell.rjust(width) }.join("  ").rstrip
end

pairs = OBJECTS.map { |objects| %w[untold told].map { |told| Run.of(objects, told) } }

puts "A program goes through #{BLOCKS} blocks of 1 MB, writes to each, and frees none by hand:", "",
     row(HEADINGS), row(WIDTHS.map { |width| "-" * width }), pairs.flatten.map { |run| row(run.cells) }, ""

pairs.each do |untold, told|
  told.complete? or abort "Unexpected: with `size:` it did not get to the end."
  told.peak * FRACTION < untold.peak or
    abort "Unexpected: with `size:` it needed more than a #{FRACTION}th of the memory."
end

puts "Untold, Ruby collects when it runs out of room for its own objects, which it may never do.",
     "Told with `size:`, it collects in time."
