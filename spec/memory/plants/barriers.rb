# frozen_string_literal: true

# Runs one of the programs below, each of which has an old object refer to a young one in the way that its name says, and
# collects the young. Without the write barrier in that place a Ruby that is built for debugging ends it with a report.
# Which barrier that is, spec/memory/barriers.yml says.
require_relative "../block"

class Own < SafePointer
  def free(*) = super()
end

# What is young is made as late as can be: what a collection finds is older after it.
module Barriers
  module_function

  def raw = FFI::MemoryPointer.new(8).slice(0, 8)

  def pointer(type = SafePointer, **options) = type.new(raw, proc {}, **options)

  # Collected as often as makes an object old.
  def old(object)
    4.times { GC.start }
    object
  end

  def collect_young = GC.start(full_mark: false)

  def releaser
    old(Block.new(LibC.malloc(8))).use { collect_young }
  end

  def parent
    old(pointer).parent = pointer
    collect_young
  end

  def destroyed_child
    parent = old(pointer)
    pointer(parent: parent, freed_by_parent: true).then { collect_young }
  end

  def lease
    leased = old(pointer)
    Thread.new { leased.use { collect_young } }.join
  end

  def waiting_free = while_held(pointer, &:free)

  def waiting_own_free
    while_held(pointer(Own)) { |parent| parent.free(:argument) }
  end

  def callable
    old(pointer.instance_variable_get(:@releaser)).instance_variable_set(:@proc, proc {})
    collect_young
  end

  # As old as it is when the origin is there, if each allocation is a collection.
  def origin
    SafePointer.trace = true
    pointer
    GC.stress = 1
    made = pointer
    GC.stress = false
    collect_young
    made
  end

  # By a child. Whoever is leased refers to a thread, which is young for ever.
  def while_held(parent)
    child = old(pointer(parent: parent))
    yield parent
    collect_young
    child
  end
end

Barriers.public_send(ARGV.fetch(0))
