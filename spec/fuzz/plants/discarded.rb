# frozen_string_literal: true

# A forked process leaves alone what was made before it.
SafePointer.prepend(Module.new do
  def initialize(*arguments, **options, &block)
    super(*arguments, fork_policy: :discard, **options, &block)
  end
end)
