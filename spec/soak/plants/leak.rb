# frozen_string_literal: true

# Keeps a pointer for each request.
Soak::Work.prepend(Module.new do
  def do(kind)
    (@kept ||= []) << Soak::Work::Block.new(raw)
    super
  end
end)
