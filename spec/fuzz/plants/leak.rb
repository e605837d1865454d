# frozen_string_literal: true

# GC and exit leave alone what has a size.
SafePointer.prepend(Module.new do
  def size=(size)
    super.tap { self.autorelease = false }
  end
end)
