# frozen_string_literal: true

# The way out that users found for themselves: call the releaser's procedure,
# then wipe the releaser from outside, so that it has nothing left to release.
# Code like this exists, and has to go on working word for word.

require_relative "../libc"

module Workaround
  def free
    @releaser.instance_variable_get(:@proc).call(self)
    @releaser.instance_variable_set(:@autorelease, false)
    @releaser.instance_variable_set(:@ptr, nil)
    @releaser.instance_variable_set(:@proc, nil)
  end
end

class Block < Stage.base
  include Workaround

  def self.allocate_bytes(size)
    new(Ledger.made(LibC.malloc(size)), method(:release))
  end

  def self.release(pointer)
    Ledger.released(pointer)
    LibC.free(pointer)
  end
end

# Both of these live to the end: one is freed by hand, one is left to the exit.
KEPT = Array.new(2) { Block.allocate_bytes(64) }

Stage.forgetting do
  blocks = Array.new(3) { Block.allocate_bytes(64) }
  blocks.first(2).each(&:free)
end

Stage.collect(Block, kept: KEPT.size)
KEPT.first.free
