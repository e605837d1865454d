# frozen_string_literal: true

module Fuzz
  # What a step must come to, and what it changes, for each kind of step. Each `expect_…` returns the results that are
  # right, or nil if any is.
  module Predictions
    LAST = { raise: "!IOError", throw: "=thrown" }.freeze
    RELEASED = "!SafePointer::ReleasedError"
    WAYS = { free_it: :free, close: :close, by_hand: :by_hand }.freeze

    private

    # When the step begins.
    def prepare(step)
      resource = @resources[step[:of]]
      @began_at[step.number] = @position
      collected_too_deep(step)
      case step.operation
      when :define then @attempted << step.makes
      when :make, :open_it then make(step)
      when :use then grant(step, resource) if resource&.held
      when *WAYS.keys then resource.ways << WAYS[step.operation] if resource&.held
      when :autorelease then resource&.auto_off ||= !step[:on]
      when :parent then resource&.relinked = true
      end
    end

    # A collection at the end of the stack may find what is dropped, now or meanwhile, and its release fails there.
    def collected_too_deep(step)
      return unless [step, *@began].any? { |one| one.operation == :deep }

      dropped = @resources.each_value.reject(&:held)
      [*dropped, *step.pointers.filter_map { |name| @resources[name] }].each { |one| one.at_most_once = true }
    end

    # When it has ended.
    def conclude(step, result)
      expectation = :"expect_#{step.operation}"
      return unless respond_to?(expectation, true)

      subject = @resources[step[:of]]
      # A lease ends all the same.
      return missed(subject) if step[:of].to_s.start_with?("x") && !made_before?(step, subject)

      return if subject && !subject.held && step.operation != :use

      allowed = send(expectation, step, result, subject)
      allowed.is_a?(Array) && refused_by_sullen?(step, allowed) ? [*allowed, "!IOError"] : allowed
    end

    # A thread may make it in the midst of a step that needs it, or has and not said so.
    def made_before?(step, resource) = resource&.made && resource.made < @began_at.fetch(step.number)

    # What the step does to it, if it does, is not known.
    def missed(resource) = resource&.family&.each { |one| one.at_most_once = one.open = true } && nil

    # What the message of an error shows raises one itself.
    def refused_by_sullen?(step, allowed)
      allowed.any? { |one| one.start_with?("!") } &&
        [*step.pointers, step.makes].any? { |name| @resources[name]&.kind&.sullen? }
    end

    def make(step)
      kind = @kinds[step[:class]]
      resource = Resource.new(step.makes, kind, step, open: @open.include?(step.makes))
      parent = @resources[step[:parent]]
      resource.link(parent) if parent&.held
      # Another thread may be making or dropping the parent just now.
      resource.at_most_once = @at_most_once || (cut_off?(kind) && kind.frees_others?)
      resource.relinked = !parent.nil? && parent.open && (!parent.made || @began.any? { |one| one[:of] == parent.name })
      @resources[step.makes] = resource
    end

    def expect_define(step, result, _)
      @defined[step.makes] = @position if result == "=Class"
      return ["=Class"] if defined_before?(step, step[:base]) || !step[:base].start_with?("C")

      ["!TypeError"] unless @attempted.include?(step[:base])
    end

    # A thread may define a class in the midst of a step that needs it.
    def defined_before?(step, name) = @defined.key?(name) && @defined[name] < @began_at.fetch(step.number)

    def expect_make(step, result, _)
      resource = @resources.fetch(step.makes)
      parent = resource.parent
      # One of a class may be freed by a method of another.
      resource.ways << :free if @also.include?(resource.name)
      unless result.start_with?("=")
        resource.link(nil)
        resource.state = :none
        resource.held = false
        resource.due = 0
      end
      resource.made = @position
      return if resource.kind && !defined_before?(step, step[:class])
      return if resource.unsure? || parent&.unsure? || parent&.state == :detached
      return [resource.by_parent ? "!ArgumentError" : "=nil"] unless parent

      [%i[live].include?(parent.state) ? "=nil" : RELEASED]
    end

    # As a pointer that is freed at the end of the block.
    def expect_open_it(step, result, _)
      resource = @resources.fetch(step.makes)
      return expect_make(step, result, nil) unless resource.opened

      resource.ways << :free
      return if resource.unsure? || resource.state != :live

      if resource.ready?
        thrown = finish(resource, :free)
        freeing = resource.outcome(:free)
        [freeing.leaves? ? freeing.result : "=nil", *thrown]
      else
        resource.state = :asked
        resource.asked_by = :free
        ["=nil"]
      end
    end

    # NULL is never released, nor is a free of one's own run.
    def expect_null(step, _, _) = defined_before?(step, step[:class]) ? ["=nil"] : nil

    def expect_freeze_it(_, _, resource)
      resource.frozen = true
      ["=nil"]
    end

    def expect_singleton(step, result, resource)
      return if resource.frozen || !result.start_with?("=")

      resource.singly = true unless step[:super]
      resource.own = step[:super] ? :super : :direct if resource.state == :live && !resource.unsure?
      nil
    end

    def expect_free_it(step, _, resource)
      return if resource.unsure?
      return ["=nil"] unless resource.state == :live

      way = WAYS.fetch(step.operation)
      unless resource.ready?
        resource.state = :asked
        resource.asked_by = way
        return ["=nil"]
      end
      thrown = finish(resource, way)
      [resource.outcome(way).result, *thrown]
    end
    alias expect_close expect_free_it
    alias expect_by_hand expect_free_it

    # The release of `resource`, and of what waited for it. Returns what may come out of here, of those that waited.
    def finish(resource, way)
      resource.state = :released
      resource.due = resource.outcome(way).calls
      destroyed = resource.children.select { |child| child.by_parent && !child.over? }
      destroyed.each do |child|
        child.state = :released
        child.due = 0
      end
      go_on(resource)
    end

    def go_on(resource) = resource.ancestors.flat_map { |one| end_waiting(one) }

    def release_waiting(one) = [*end_waiting(one), *go_on(one)]

    def end_waiting(one)
      return jumps(one) if one.unsure?
      return [] unless one.state == :asked && one.ready?

      thrown = finish(one, one.asked_by)
      [*jumps(one, [one.asked_by]), *thrown]
    end

    def jumps(resource, ways = resource.ways)
      ways.map { |way| resource.outcome(way).result }.select { |result| result == "=thrown" }
    end

    def expect_drop(_, _, resource)
      resource.held = false
      # When it is collected is for GC to say.
      resource.ancestors.each(&:leave_open)
      nil
    end

    def expect_detach(_, result, resource)
      # The release of a parent that waited may jump out: then nobody gets the raw pointer.
      if result == "=pointer" || (result == "=thrown" && resource.state != :detached)
        fault(:result, "#{resource.name} was detached twice") if resource.state == :detached
        was = resource.state
        resource.state = :detached
        resource.due = 0
        # Who destroys what its release would have destroyed is not said anywhere.
        resource.children.each { |child| child.family.each(&:leave_open) if child.by_parent }
        thrown = go_on(resource) if was == :live && !resource.unsure?
      end
      return if resource.unsure?

      was ? wrong_unless_live(was, thrown) : still_refused(resource)
    end

    def wrong_unless_live(was, thrown) = was == :live ? ["=pointer", *thrown] : [RELEASED]

    def still_refused(resource)
      return [RELEASED] if resource.over? || resource.state == :asked

      ["=pointer", *resource.ancestors.flat_map { |one| jumps(one) }]
    end

    def expect_autorelease(step, _, resource)
      return ["!FrozenError"] if resource.frozen

      resource.autorelease = step[:on]
      resource.reset = true if resource.over?
      ["=#{step[:on]}"]
    end

    def expect_parent(step, result, resource)
      other = @resources[step[:parent]]
      other = nil unless other&.held
      allowed = refusals(resource, other)
      ambiguous = resource.unsure? || other&.unsure? || other&.state == :detached || resource.state == :detached
      old = resource.parent
      # The release of a parent that waited may jump out of here, when the child has a new one.
      if %w[=nil =thrown].include?(result) && !circle?(resource, other)
        resource.link(other)
        [other, *other.ancestors].each(&:leave_open) if other && resource.unsure?
        thrown = old && old != other ? release_waiting(old) : []
      end
      return if ambiguous

      return [*allowed, "!FrozenError"] if resource.frozen

      allowed.empty? ? ["=nil", *thrown] : allowed
    end

    # Where threads have a say, one of the ties may be no more.
    def circle?(resource, other) = !other.nil? && (other == resource || other.ancestors.include?(resource))

    def refusals(resource, other)
      refusals = []
      refusals << RELEASED if resource.state != :live || (other && other.state != :live)
      refusals << "!ArgumentError" if circle?(resource, other)
      refusals << "!RuntimeError" if resource.by_parent
      refusals
    end

    def expect_size(step, _, resource)
      return if resource.unsure?

      return [RELEASED, "!FrozenError"] if resource.frozen

      [resource.state == :live ? "=#{step[:to]}" : RELEASED]
    end

    def expect_ask(step, _, resource)
      return if resource.unsure?

      released = resource.state == :released
      case step[:name]
      when :freed?, :null?, :address then ["=#{released}"]
      when :detached? then ["=#{resource.state == :detached}"]
      when :read_int then [released ? "!FFI::NullPointerError" : "=0"]
      when :autorelease? then autorelease(resource)
      when :inspect then [resource.kind&.sullen? ? "!IOError" : "=String"]
      end
    end

    def autorelease(resource)
      return ["=false"] if resource.state == :released && !resource.reset

      ["=#{resource.autorelease}"] if resource.state == :live
    end

    # A lease belongs to a fiber. Where a release waits for leases, only the fibers that have one get another; where it
    # waits for children, all do.
    def grant(step, resource)
      here = @contexts.fetch(step.number)
      leases = resource.leases
      waits_for_child = !resource.children.all?(&:complete?)
      granted = resource.state == :live || (resource.state == :asked && (waits_for_child || leases.include?(here)))
      @granted[step.number] = granted
      resource.leases << here if granted
    end

    # The last that the block does.
    def end_lease(step)
      return unless @granted[step.number]

      @granted[step.number] = :over
      leases = @resources.fetch(step[:of]).leases
      leases.delete_at(leases.index(@contexts.fetch(step.number)) || leases.size)
    end

    def expect_use(step, _, resource)
      end_lease(step) if @granted[step.number] == true
      thrown = release_waiting(resource)
      return if resource.unsure? || !resource.held
      return [RELEASED] unless @granted[step.number]

      [LAST.fetch(step[:last], "=nil"), *thrown]
    end
  end
end
