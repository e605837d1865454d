# frozen_string_literal: true

module Fuzz
  # What must hold when a process has ended: how often each pointer was released, and in what order.
  class Verdict
    def initialize(model)
      @model = model
    end

    def faults
      [*counts, *order]
    end

    private

    def counts
      @model.resources.each_value.filter_map do |resource|
        allowed = allowed(resource)
        next if allowed.include?(resource.calls)

        kind = resource.calls > allowed.max ? :released_too_often : :never_released
        Model::Fault.new(kind, "#{resource.name}: #{resource.calls} releases, not #{allowed.uniq.sort.join(" or ")}")
      end
    end

    def allowed(resource)
      return [0] if %i[detached none].include?(resource.state)
      return [0, 1] if resource.at_most_once || resource.by_parent
      return [resource.due] if resource.due && !resource.open

      calls = by_ways(resource)
      calls << 0 if left_alone?(resource)
      calls
    end

    # Those the program asked for need not be how it ended: GC and exit are there as well.
    def by_ways(resource)
      auto = resource.outcome(:auto).calls
      return [auto] if resource.state == :live && !resource.open

      [auto, *resource.ways.map { |way| resource.outcome(way).calls }, *(1 if resource.singly)].uniq
    end

    # GC and exit have nothing to do with it, or wait for something they have nothing to do with.
    def left_alone?(resource)
      off = resource.open ? resource.auto_off : !resource.autorelease
      off || not_ours?(resource) ||
        resource.descendants.any? { |child| child.auto_off || child.at_most_once || not_ours?(child) }
    end

    # A forked process leaves it to its parent.
    def not_ours?(resource) = resource.inherited && resource.policy == :discard

    # A parent after its children.
    def order
      @model.resources.each_value.filter_map do |child|
        parent = child.parent
        next if child.by_parent || (child.relinked && child.open) || parent.nil?
        next unless child.position && parent.position && parent.position < child.position

        Model::Fault.new(:order, "#{parent.name} was released before its child #{child.name}")
      end
    end
  end
end
