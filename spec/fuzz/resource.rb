# frozen_string_literal: true

require_relative "contract"

module Fuzz
  # What is known of a pointer, by the contract.
  #
  # `state` is :live, :asked (its release waits), :released, :detached, or :none (it was never made). One that is
  # `open` is in the hands of threads or of GC too: only its end can be foretold.
  class Resource
    attr_accessor :state, :held, :autorelease, :auto_off, :parent, :by_parent, :open, :at_most_once, :asked_by, :own,
                  :due, :calls, :position, :inherited, :relinked, :made, :frozen, :reset, :opened, :singly
    attr_reader :name, :class_name, :kind, :by, :leases, :children, :policy, :ways

    def initialize(name, kind, step, open:)
      @name = name
      @class_name = step[:class]
      @kind = kind
      @by = %i[owner record].include?(step[:class]) ? :method : step[:by]
      @policy = step[:fork_policy] || (kind&.discard? ? :discard : :release)
      @by_parent = step[:freed_by_parent] || false
      @state = :live
      @held = @autorelease = true
      @open = open
      @leases = []
      @children = []
      @ways = []
      @calls = 0
    end

    def initialize_copy(_)
      @leases = @leases.dup
      @children = @children.dup
      @ways = @ways.dup
    end

    # By :free, :close, :by_hand, or :auto for GC and exit.
    def outcome(way)
      release = Contract.release(kind, by)
      case way
      when :free then freeing(release)
      when :close then Contract.close(kind.close, freeing(release))
      when :by_hand then Contract.release(kind, nil)
      else release
      end
    end

    # `own` is a method of the pointer alone.
    def freeing(release) = Contract.free(own, kind ? kind.free(release) : release)

    def over? = %i[released detached none].include?(state)

    # What its parent's release is to destroy has an end of its own only while the parent is left alone.
    def unsure? = open || (by_parent && !parent.nil? && (parent.state != :live || parent.unsure?))

    # From here on threads or GC have a say in it.
    def leave_open
      self.open = true unless over?
    end

    # Nothing of it is left that its parent has to wait for.
    def complete? = (over? || by_parent) && ready?

    def ready? = leases.empty? && children.all?(&:complete?)

    # The program can still reach it, or something keeps it.
    # An owner's releaser keeps its parent's releaser only.
    def alive? = held || leases.any? || children.any?(&:keeps_parent?)

    def keeps_parent? = class_name != :owner && !over? && alive?

    def ancestors = parent ? [parent, *parent.ancestors] : []
    def descendants = children.flat_map { |child| [child, *child.descendants] }
    def family = (root = ancestors.last || self) && [root, *root.descendants]

    def link(other)
      @parent&.children&.delete(self)
      @parent = other
      other&.children&.push(self)
    end
  end
end
