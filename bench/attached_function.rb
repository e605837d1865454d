# frozen_string_literal: true

# What a call of an attached function costs with a look at its argument before it, in each of the ways that Ruby code
# can put one there, beside a call without: processor time, in alternating rounds. The library has no such guard: see
# adr/0012.
#
#   bundle exec ruby bench/attached_function.rb
#   bundle exec valgrind --tool=callgrind --callgrind-out-file=/dev/null \
#     ruby bench/attached_function.rb "exact parameters" 2000      # and 6000: instructions

require "ffi"

# The ways, and what they cost.
module AttachedFunction
  ROUNDS = 60
  COUNT = 50_000

  # No argument of these calls is one.
  class Guarded < FFI::Pointer
  end

  WAYS = {
    "no look" => ->(_library) {},
    "exact parameters" => lambda do |library|
      library.singleton_class.class_eval(<<~RUBY, __FILE__, __LINE__ + 1)
        alias aside free
        def free(pointer)
          return aside(pointer) unless ::AttachedFunction::Guarded === pointer
        end
      RUBY
    end,
    "any parameters" => lambda do |library|
      library.singleton_class.class_eval(<<~RUBY, __FILE__, __LINE__ + 1)
        alias aside free
        def free(*arguments, &block)
          return aside(*arguments, &block) unless ::AttachedFunction::Guarded === arguments.first
        end
      RUBY
    end,
    "prepended" => lambda do |library|
      library.singleton_class.prepend(Module.new do
        def free(pointer)
          return super unless Guarded === pointer
        end
      end)
    end
  }.freeze

  module_function

  def library(way)
    Module.new do
      extend FFI::Library
      ffi_lib FFI::Library::LIBC
      attach_function :free, [:pointer], :void
    end.tap(&WAYS.fetch(way))
  end

  def call(library, count)
    i = 0
    while i < count
      library.free(FFI::Pointer::NULL)
      i += 1
    end
  end

  def clock(library)
    start = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
    call(library, COUNT)
    Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) - start
  end

  def ratios
    libraries = WAYS.keys.to_h { |way| [way, library(way)] }
    rounds = Array.new(ROUNDS) { libraries.transform_values { |library| clock(library) } }
    WAYS.keys.to_h { |way| [way, rounds.map { |times| times[way] / times["no look"] }.sort[ROUNDS / 2]] }
  end
end

way, count = ARGV
if way
  AttachedFunction.call(AttachedFunction.library(way), Integer(count))
else
  AttachedFunction.ratios.each { |name, ratio| puts format("%<name>-20s %<ratio>.2f", name: name, ratio: ratio) }
end
