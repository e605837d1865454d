# frozen_string_literal: true

module Soak
  # Whether the figures of a process that lasts are flat: what grows for ever has grown from quarter to quarter, in its
  # least values, as those come after a collection.
  class Verdict
    QUARTERS = 4
    # What they may differ by in all: pools of Ruby, of SQLite and of Vulkan's layers, and what requests are at work on.
    ALLOWED = { bytes: 1_048_576, live: 100 }.freeze

    # The samples after the first fifth, while all caches fill.
    def initialize(samples)
      @samples = samples.group_by(&:process).transform_values { |own| own.drop(own.size / 5) }
    end

    # A sentence for each figure that grows.
    def faults
      @samples.flat_map do |process, samples|
        ALLOWED.filter_map { |figure, allowed| fault(process, figure, samples.map(&figure), allowed) }
      end
    end

    private

    def fault(process, figure, values, allowed)
      return if values.size < QUARTERS

      quarters = values.group_by.with_index { |_, index| index * QUARTERS / values.size }
      least = quarters.values.map(&:min)
      return unless least.each_cons(2).all? { |earlier, later| later > earlier } && least.last - least.first > allowed

      "#{process}: #{figure} grew from quarter to quarter: #{least.join(", ")}"
    end
  end
end
