# frozen_string_literal: true

# Vulkan objects of a render thread and three loader threads, which all leave them
# to GC: without a queue, with a queue that has a thread of its own, and with one
# that the render thread drains once per frame. The validation layer is the
# witness: it names the rule that is broken by what is destroyed while the GPU
# still uses it.
#
#   ruby -I lib examples/render_queue/run.rb
#
# Exits with 0 if with the drained queue all was released once, on the render
# thread, and the layer had nothing to report; and if without a queue other threads
# released and the layer reported it, or the driver did not survive it. With 1 if not.

require_relative "way"

RENDER = "render" # the main thread, which also is the one that exits
WORKER = "SafePointer::ReleaseQueue"
LOADERS = ["loader 1", "loader 2", "loader 3"].freeze

WIDTHS = [17, 17, 17].freeze
TITLE_WIDTH = 40

def row(title, cells)
  [title.ljust(TITLE_WIDTH), *cells.zip(WIDTHS).map { |cell, width| cell.to_s.rjust(width) }].join("  ")
end

ways = [
  no_queue = Way.new("no queue", "no_queue"),
  own_thread = Way.new("thread: true", "own_thread"),
  drained = Way.new("drained by render", "render_thread")
]
lacking = ways.filter_map { |way| way.trial.unavailable }.uniq
abort lacking.join("\n") unless lacking.empty?

rule = row("-" * TITLE_WIDTH, WIDTHS.map { |width| "-" * width })
puts "Vulkan objects that all threads leave to GC:", "",
     row("", ways.map(&:title)), rule,
     [*LOADERS, RENDER].map { |thread| row("made by #{thread}", ways.map { |way| way.made(thread) }) }, "",
     [*LOADERS, WORKER, RENDER].map { |thread| row("released on #{thread}", ways.map { |way| way.released(thread) }) },
     row("released at exit, on #{RENDER}", ways.map { |way| way.released_at_exit(RENDER) }), "",
     row("most waiting in the queue at once", ways.map { |way| way.waiting("most") }),
     row("left in it for exit", ways.map { |way| way.waiting("left") }), "",
     row("rules broken, says the validation layer", ways.map { |way| way.rules_broken.size }),
     row("how the process ended", ways.map { |way| way.trial.ending }), rule,
     ways.flat_map { |way| way.rules_broken.map { |broken| "#{way.title}: #{broken}" } }, ""

abort "Unexpected: without a queue no other thread released anything." if (no_queue.threads - [RENDER]).empty?
abort "Unexpected: without a queue nothing was wrong." if no_queue.trial.clean?
abort "Unexpected: the queue's thread was not the only one to release." unless own_thread.threads == [WORKER]
abort "Unexpected: not everything was released once, when drained." unless drained.trial.released_once?
unless drained.threads == [RENDER] && drained.threads_at_exit == [RENDER]
  abort "Unexpected: the render thread was not the only one to release."
end
abort "Unexpected, #{drained.title}: #{drained.trial.complaint || "see above"}" unless drained.trial.clean?

puts "Without a queue, whichever thread collects destroys what the GPU still uses, and the driver may crash. A queue's",
     "own thread is a single one, but knows as little of the GPU. Drained between frames, nothing was wrong."
