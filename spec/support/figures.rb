# frozen_string_literal: true

# What `SafePointer.stats` says, as differences.
module Figures
  module_function

  # By how much the block changes each figure; those that stay are left out. `:free` and the like are the ways of
  # release.
  def counted
    before = figures
    yield
    figures.to_h { |name, figure| [name, figure - before[name]] }.reject { |_, change| change.zero? }
  end

  def figures
    stats = SafePointer.stats
    stats.except(:released).merge(stats[:released])
  end
end
