# frozen_string_literal: true

require_relative "reach"

# What becomes of pointers in the end, for scenarios in a child. See {#let_go}.
module Endings
  # What the last owner does, with all members of a family.
  ALL = {
    "by hand" => ->(members) { members.each(&:free) },
    "on another thread" => ->(members) { members.each { |member| Thread.new { member.free }.join } },
    "at GC" => :gc,
    "at exit" => :exit
  }.freeze

  # Those that nobody asks for.
  BY_RUBY = ALL.slice("at GC", "at exit").freeze

  # Makes members, and lets go of them in the way of `ending`. Members that are made earlier are not finalized earlier,
  # or later, by any rule to rely on: hence the specs have all orders.
  def let_go(ending, &make)
    case ending
    when :gc
      out_of_reach(&make)
      full_gc
    when :exit
      @alive_at_exit = make.call
    else
      ending.call(make.call)
    end
  end

  # What the oracle logs for these, in this order.
  def released(*names)
    names.map { |name| [:released, name] }
  end
end
