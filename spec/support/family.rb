# frozen_string_literal: true

require_relative "oracle"

# Families of pointers in this process. Their log has the name of each pointer as it is released, and what an example
# notes in between.
module Family
  # No `let`: a release may come at GC, on any thread.
  def log = @log ||= []

  # A callable that releases, and logs that under `name`.
  def logged(name)
    lambda do |raw|
      log << name
      Oracle.free(raw)
    end
  end

  def member(name, **options)
    SafePointer.new(Oracle.create, logged(name), **options)
  end

  # Runs the steps with the family that their parameters name, each the child of the one before it, and returns the log.
  def log_of(steps, **options)
    names = steps.parameters.map(&:last)
    # Kept until the example is over: what GC releases is not to come into the log.
    @members = names.each_with_object([]) do |name, line|
      line << (line.empty? ? member(name) : member(name, parent: line.last, **options))
    end
    instance_exec(*@members, &steps)
    log
  end
end
