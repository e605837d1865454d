# frozen_string_literal: true

require_relative "program"

# Writes down what a gem's C functions make and release, by address, where the gem calls them. Each entry is told at
# once, so the ledger is complete at exit too.
class Ledger
  # `functions` is what the gem calls the functions on.
  def initialize(functions)
    @functions = functions
  end

  # The function returns what it makes; where there is a block, only if that says so of the result and the arguments.
  def returned(kind, function)
    around(function) do |arguments, call|
      call.call.tap { |made| enter(:made, kind, made) if !block_given? || yield(made, *arguments) }
    end
  end

  # The function stores what it makes where its argument points to.
  def stored(kind, function, index, offset: 0)
    around(function) do |arguments, call|
      before = arguments[index].get_pointer(offset)
      call.call.tap do
        after = arguments[index].get_pointer(offset)
        enter(:made, kind, after) unless after == before
      end
    end
  end

  # The function releases its argument, or with `offset` what its argument points to.
  def released(kind, function, index = 0, offset: nil)
    around(function) do |arguments, call|
      argument = arguments[index]
      enter(:released, kind, offset ? argument.get_pointer(offset) : argument)
      call.call
    end
  end

  private

  def enter(what, kind, pointer)
    Program.tell([what, kind, pointer.address]) unless pointer.null?
  end

  # A module's functions can be called on those that include it, too.
  def around(function, &entry)
    interceptor = Module.new do
      define_method(function) { |*arguments, &block| entry.call(arguments, -> { super(*arguments, &block) }) }
    end
    @functions.singleton_class.prepend(interceptor)
    @functions.prepend(interceptor) if @functions.is_a?(Module)
  end
end
