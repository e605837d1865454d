# frozen_string_literal: true

# How hard the collector works during the suite: SAFE_POINTER_GC_LEVEL is one of
#
#   normal   as Ruby likes (default)
#   minor    a minor collection after each example and scenario
#   major    a full collection there
#   compact  a compacting collection there, and compaction at every major one
#   verify   like compact, with all references checked afterwards
#   stress   a minor collection at every allocation within
#
# Under stress only the young are collected, which is what an unmarked or
# unremembered object in the making is; full collections at every allocation of
# a process with RSpec in it would take hours.
module GCLevel
  LEVELS = %w[normal minor major compact verify stress].freeze
  CURRENT = ENV.fetch("SAFE_POINTER_GC_LEVEL", "normal")

  NO_MAJOR_GC = 0x01
  private_constant :NO_MAJOR_GC

  LEVELS.include?(CURRENT) or raise ArgumentError, "SAFE_POINTER_GC_LEVEL must be one of #{LEVELS.join(", ")}"

  module_function

  def around
    enter
    yield
  ensure
    leave
  end

  def enter
    GC.auto_compact = true if compacting?
    GC.stress = NO_MAJOR_GC if CURRENT == "stress"
  end

  def leave
    GC.stress = false
    GC.auto_compact = false if compacting?
    step
  end

  # One full collection in the manner of the level.
  def collect
    GC.start
    case CURRENT
    when "compact" then GC.compact
    when "verify" then GC.verify_compaction_references(toward: :empty)
    end
  end

  # What is due after each example, and in a child when its scenario is over.
  def step
    case CURRENT
    when "minor" then GC.start(full_mark: false)
    when "major", "compact", "verify" then collect
    end
  end

  def compacting?
    %w[compact verify].include?(CURRENT)
  end
end
