# frozen_string_literal: true

# What a block of code needs around it to run.
#
# For Ruby: code `before` and `after` it, and the block that it `follows` in the same process; then the `events` of that
# process (see spec/support/events.rb), the `signal` that ends it, or what it says on `stderr`, which is nothing
# otherwise.
#
# For shell: the `files` that are there and the `output`, which may also be a block of text behind this one, or, where
# the commands are run elsewhere, by which file, and by what in it (`run_by`).
World = Struct.new(
  :before, :follows, :after, :events, :signal, :stderr, :files, :output, :run_by, keyword_init: true
) do
  def events
    self[:events] || []
  end
end

# The worlds of all blocks: by file, by heading, by the block's first line.
class Worlds
  def initialize
    @worlds = {}
  end

  # under "README.md", "Use", "require ..." => { after: "..." }
  #
  # There are several worlds where several blocks begin with the same line.
  def under(file, heading, worlds)
    worlds.each do |first_line, world|
      [world].flatten.each_with_index { |one, nth| @worlds[[file, heading, first_line, nth]] = World.new(**one) }
    end
  end

  def key(block)
    [block.file, block.heading, block.first_line, block.nth]
  end

  def keys
    @worlds.keys
  end

  def of(block)
    @worlds[key(block)]
  end

  # The block, behind those it follows.
  def followed(block, blocks)
    first_line = of(block).follows or return [block]
    earlier = blocks.find { |other| other.file == block.file && other.first_line == first_line }
    [*followed(earlier, blocks), block]
  end
end
