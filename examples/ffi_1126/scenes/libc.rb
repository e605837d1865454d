# frozen_string_literal: true

# A block is freed by the subclass's own `free`, and malloc hands it to somebody
# else. The second release frees it under its new owner. Nothing crashes there,
# but a third party is given the same memory and writes over what is in it.

require_relative "../libc"

class Block < Stage.base
  # Ruby itself hardly ever asks for this size, so the freed blocks wait for us.
  SIZE = 1000

  def self.release(pointer)
    Ledger.released(pointer)
    LibC.free(pointer)
  end

  def free
    Ledger.released(self)
    LibC.free(self)
  end
end

def letter(text)
  LibC.malloc(Block::SIZE).put_string(0, text)
end

freed = letters = []
Stage.forgetting do
  blocks = Array.new(3) { Block.new(Ledger.made(LibC.malloc(Block::SIZE))) }
  freed = blocks.first(2).map(&:address)
  blocks.first(2).each(&:free) # the third is left to the garbage collector
  letters = Array.new(2) { letter("Dear Ada") } # malloc gives a thread what it has freed itself
end

unless letters.map(&:address).sort == freed.sort
  Ledger.bad "malloc did not give the freed blocks to new owners"
end

Stage.collect(Block)
strangers = Array.new(3) { letter("Dear Bob") }

texts = letters.map { |one| one.get_string(0) }
Ledger.check texts.all?("Dear Ada"), "both new owners' letters are intact",
             "new owners wrote \"Dear Ada\" and read #{texts.uniq.map(&:inspect).join(", ")}"

# Everyone frees what is theirs, once.
(strangers + letters).each { |one| LibC.free(one) }
