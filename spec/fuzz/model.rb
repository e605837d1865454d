# frozen_string_literal: true

require_relative "resource"
require_relative "predictions"
require_relative "verdict"

module Fuzz
  # What must hold for a program. It goes through what the process has logged, step by step, knows what each must have
  # come to, and at the end how often each pointer may have been released.
  #
  # Written from the contract in docs/guarantees.md, without a look at how the library does it.
  class Model
    Fault = Struct.new(:kind, :text) do
      def to_s = "#{kind}: #{text}"

      # What stays the same while a program shrinks.
      def shape = [kind, text[/came to .*/], text[/raised .*?Error/]]
    end

    include Predictions

    attr_reader :faults, :resources

    def initialize(program)
      @steps = program.all.to_h { |step| [step.number, step] }
      @contexts = contexts(program.steps)
      @kinds = {}
      program.all.each do |step|
        @kinds[step.makes] = Contract::Kind.new(step, @kinds[step[:base]]) if step.operation == :define
      end
      @also = program.all.filter_map { |step| step[:also] }
      @open = open_names(program)
      @resources = {}
      @granted = {}
      @attempted = []
      @defined = {}
      @began_at = {}
      @extras = Hash.new(0)
      @called = Hash.new(0)
      @faults = []
      @began = []
      @interrupted = []
      @position = 0
    end

    # What a forked process knows at its beginning.
    def initialize_copy(_)
      copies = @resources.transform_values(&:dup)
      copies.each_value do |copy|
        copy.parent = copies[copy.parent.name] if copy.parent
        copy.children.map! { |child| copies.fetch(child.name) }
      end
      @resources = copies
      @granted = @granted.dup
      @attempted = @attempted.dup
      @defined = @defined.dup
      @began_at = @began_at.dup
      @extras = Hash.new(0)
      @called = Hash.new(0)
      @faults = []
      @began = []
      @interrupted = []
    end

    # The events of one process, in order. Those of forked ones are in `forks`, by their names.
    def follow(events, forks = {}, name = nil)
      @events = events
      events.each { |word, *rest| take(word, rest, forks, name) }
      @resources.each_value { |one| one.at_most_once = true unless one.due } if finalizer_suspended?
      @began.each { |step| left(step) }
      @faults.concat(Verdict.new(self).faults)
      @extras.each { |extra, count| fault(:released_too_often, "#{extra}: #{count} releases") if count > 1 }
      @called.each { |held, count| fault(:called_too_often, "#{held} by its registry") if count > 1 }
      self
    end

    private

    def fault(kind, text) = @faults << Fault.new(kind, text)

    def take(word, rest, forks, name)
      @position += 1
      case word
      when "begin" then begin_step(@steps.fetch(rest[0].to_i), forks, name)
      when "end" then end_step(@steps.fetch(rest[0].to_i), rest[1])
      when "done" then @ending = true
      when "opened" then opened(@resources.fetch(@steps.fetch(rest[0].to_i).makes))
      when "over" then end_lease(@steps.fetch(rest[0].to_i))
      when "released" then released(rest[0].to_sym)
      when "called" then @called[rest[0]] += 1
      when "released_null" then fault(:released_null, "NULL") unless unguarded?
      when "forked" then fault(:fork, "#{rest[0]} ended #{rest[1]}") unless rest[1] == "well"
      end
    end

    def opened(resource)
      resource.opened = true
      resource.made = @position
    end

    def released(name)
      resource = @resources[name] or return @extras[name] += 1
      resource.calls += 1
      resource.position = @position
      fault(:released_in_use, name) if resource.leases.any? && !resource.unsure? && !@ending
    end

    # Between the definition of a method and Ruby's hook, in which it gets its guard, other threads can call it.
    def unguarded?
      defining = @began.select { |step| %i[singleton define].include?(step.operation) }
      defining.any? { |one| @began.any? { |other| @contexts[other.number] != @contexts[one.number] } }
    end

    def begin_step(step, forks, name)
      @began << step
      fork_off(step, forks, name) if step.operation == :fork_it
      prepare(step)
    end

    def end_step(step, result)
      @began.delete(step)
      return left(step) if result == "left"

      # What is thrown may have taken the place of an interrupt, which came before the release.
      cut_short(step) if result == "=thrown" && threaded?(step)
      allowed = conclude(step, result)
      if allowed.is_a?(Array) && !allowed.include?(result) && !@interrupted.include?(step)
        fault(:result, "`#{Source.of(step).lines.first.chomp}` came to #{result}, not #{allowed.join(" or ")}")
      end
      compare(step) if @faults.empty? && !threaded?(step)
    end

    # Something more than the step has ended in the midst of it.
    def left(step)
      @ending = true unless threaded?(step)
      exit_elsewhere if threaded?(step) && @kinds.each_value.any?(&:exits?)
      # What these do in the end, as a release that raises, may come out in its place.
      @interrupted |= @began.select { |one| @contexts[one.number] == @contexts[step.number] }
      return if step.operation == :leave

      # The end of a lease may have been a release. Not where the program just ended within it.
      within = step.operation == :use && @granted[step.number] != :over
      left_lease(step) if within && @granted[step.number]
      return if within && @contexts[step.number].empty?

      cut_short(step)
    end

    # A collection comes in any step, and a release that it has run may have paused for ever, or ended with the thread.
    def cut_short(step)
      named = [*step.pointers, step.makes, *@also].filter_map { |name| @resources[name] }
      [*named, *pausing, *ending, *(dropped if threaded?(step))].each do |resource|
        resource.family.each { |one| one.at_most_once = one.open = true }
      end
    end

    # What GC or a queue may be releasing, by what an interrupt can end. None comes into a C function.
    def dropped = @resources.each_value.reject { |one| one.held || (one.kind&.release == :native && !one.by) }

    # Ruby has the main thread exit for another one, in the midst of whatever it does, a release for instance.
    def exit_elsewhere
      @at_most_once = true
      @resources.each_value { |one| one.at_most_once = true }
    end

    def pausing = @resources.each_value.select { |one| pauses?(one.kind) }
    def ending = @resources.each_value.select { |one| cut_off?(one.kind) }

    def stops?(kind) = pauses?(kind) || cut_off?(kind)
    def pauses?(kind) = within?(kind, &:pauses?)
    def cut_off?(kind) = within?(kind, &:ends?)

    # Whether that is what its methods do, or may be what those of others do that they free.
    def within?(kind, &does)
      return false unless kind

      does.call(kind) || (kind.frees_others? && @kinds.each_value.any?(&does))
    end

    # Ruby calls no other finalizer while a fiber is suspended in one, at the end of the process either.
    def finalizer_suspended? = pausing.any? && @began.any? { |step| @contexts[step.number].include?("f") }

    # It has ended on the way out.
    def left_lease(step)
      end_lease(step)
      release_waiting(@resources.fetch(step[:of]))
    end

    # What must and what must not have been released by now.
    def compare(step)
      return if @ending

      @resources.each_value do |resource|
        next if resource.unsure?

        if resource.due
          next if resource.calls == resource.due

          fault(:not_now, "#{resource.name}: #{resource.calls} releases after step #{step.number}, not #{resource.due}")
        elsif resource.calls.positive? && resource.alive?
          fault(:too_early, "#{resource.name} is #{resource.state}, and was released by step #{step.number}")
        end
      end
    end

    def fork_off(step, forks, name)
      key = [*name, "p#{step.number}"].join(".")
      events = forks.delete(key) or return
      there = dup
      # Ruby calls no finalizers at the end of a process that was forked while another thread or fiber was in one; and who
      # has forked it may have ended without waiting.
      waited = @events.any? { |word, which| word == "forked" && which == "p#{step.number}" }
      there.enter_fork(uncertain: !waited || finalizer_suspended? || @began.any? { |one| threaded?(one) })
      there.follow(events, forks, key)
      @faults.concat(there.faults.map { |found| Fault.new(found.kind, "in #{key}: #{found.text}") })
    end

    # Which fiber or thread a step runs in: their names, with those they were made in. What may be cut off at any point
    # counts as a thread.
    def contexts(steps, within = "", found = {})
      steps.each do |step|
        found[step.number] = within
        inner = case step.operation
                when :thread, :fiber then "#{within}#{step.makes}"
                when :timeout, :schedule, :few_files, :no_memory, :deep then "#{within}t#{step.number}"
                else within
                end
        contexts(step.body, inner, found) if step.body
      end
      found
    end

    def threaded?(step) = @contexts[step.number].include?("t")

    # The pointers that threads deal with, those whose release may stop in the middle, and their families.
    def open_names(program)
      links = program.all.filter_map { |step| [step[:as] || step[:of], step[:parent]] if step[:parent] }
      open = program.all.select { |step| threaded?(step) }.flat_map(&:pointers)
      open |= @also
      open |= program.all.select { |step| stops?(@kinds[step[:class]]) }.map(&:makes)
      loop do
        more = links.select { |link| link.intersect?(open) }.flatten | open
        return more if more.size == open.size

        open = more
      end
    end

    protected

    def enter_fork(uncertain:)
      @at_most_once ||= uncertain
      @resources.each_value do |one|
        one.inherited = true
        one.state = :released if one.calls.positive?
        one.at_most_once = true if one.open || @at_most_once
        one.calls = 0
        one.position = nil
        one.due = 0 if one.over?
      end
    end
  end
end
