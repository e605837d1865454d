# frozen_string_literal: true

# No parent is kept, nor waited for.
SafePointer.prepend(Module.new do
  def initialize(*arguments, parent: nil, freed_by_parent: false, **options, &block)
    super(*arguments, **options, &block)
  end
end)
