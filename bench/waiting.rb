# frozen_string_literal: true

# How promptly what is left to GC is released: how many of 60,000 pointers are made and not yet released, at most and on
# average. See bin/bench --waiting.

require "ffi"
require "safe_pointer"

COUNT = 60_000

# Makes pointers that nobody keeps. Returns how many waited at each.
def waiting(base)
  released = 0
  pointers = Class.new(base)
  pointers.define_singleton_method(:release) { |_pointer| released += 1 }
  GC.start
  Array.new(COUNT) do |made|
    pointers.new(FFI::Pointer.new(made + 1))
    made + 1 - released
  end
end

puts "Of #{COUNT} pointers left to GC, made and not yet released, Ruby #{RUBY_VERSION}, ffi #{FFI::VERSION}:"
[FFI::AutoPointer, SafePointer].each do |base|
  waiting = waiting(base)
  puts format("%-16s most %6d, mean %6d", base, waiting.max, waiting.sum / COUNT)
end
