# frozen_string_literal: true

# A lease that keeps nothing off.
SafePointer.prepend(Module.new do
  def use
    freed? ? super : yield(self)
  end
end)
