# frozen_string_literal: true

# The story of ffi/ffi#1126: a subclass of FFI::AutoPointer frees its pointer in
# a `free` of its own, and AutoPointer, which never hears of it, frees it again.
# Each scene runs twice from the same source, once for each base class.
#
#   ruby -I lib examples/ffi_1126/run.rb
#
# Exits with 0 if both classes did what is claimed of them, and with 1 if not.

require_relative "table"
require_relative "trial"

# +faulty+: AutoPointer is expected to fail here.
# +witness+: who else prints to stdout if something is wrong.
Scene = Struct.new(:file, :title, :faulty, :witness, keyword_init: true)

SCENES = [
  Scene.new(file: "vulkan", title: "Vulkan command buffers", faulty: true, witness: "validation layer"),
  Scene.new(file: "libc", title: "malloc'ed blocks, reused", faulty: true),
  Scene.new(file: "sqlite", title: "SQLite statements", faulty: true),
  Scene.new(file: "workaround", title: "the workaround, unchanged", faulty: false)
].freeze

STOCK = "FFI::AutoPointer"
SAFE = "SafePointer"

def as_claimed?(trial)
  if trial.base == STOCK && trial.scene.faulty
    trial.released_twice.positive? && !trial.clean?
  else
    trial.released_once? && trial.clean?
  end
end

trials = SCENES.product([STOCK, SAFE]).map { |scene, base| Trial.new(scene, base).run }

lacking = trials.filter_map(&:unavailable).uniq
abort lacking.join("\n") unless lacking.empty?

puts Table.new(trials)
puts "Releases: calls of the C destructor, handle by handle; 0 where the process died first.", ""

surprises = trials.reject { |trial| as_claimed?(trial) }
surprises.each { |trial| puts "Unexpected: #{trial.scene.title}, with #{trial.base}: see the table." }
exit false unless surprises.empty?

stock, safe = trials.partition { |trial| trial.base == STOCK }
puts "From the same source, #{STOCK} released #{stock.sum(&:released_twice)} handles twice and broke " \
     "#{stock.count { |trial| !trial.clean? }} of #{stock.size} programs;",
     "#{SAFE} released all #{safe.sum { |trial| trial.releases.size }} handles exactly once, " \
     "and every process ended clean."
