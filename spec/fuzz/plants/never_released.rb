# frozen_string_literal: true

# GC and exit leave all pointers alone.
SafePointer.prepend(Module.new do
  def initialize(...)
    super
    self.autorelease = false
  end
end)
