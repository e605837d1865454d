# frozen_string_literal: true

# Ends a worker in the midst of its work.
Soak::Work.prepend(Module.new do
  def do(kind)
    @done = @done.to_i + 1
    @done < 300 ? super : Process.kill(:ABRT, Process.pid)
  end
end)
