# frozen_string_literal: true

module Fuzz
  # One thing a program does, as data. Names that start with x (pointers), C (classes), Q (queues), t (threads), f
  # (fibers), R (registries) and A (the replacement of AutoPointer) refer to what another step has made under `as`.
  Step = Struct.new(:number, :operation, :arguments, :body) do
    def self.name?(value) = value.is_a?(Symbol) && value.match?(/\A[xCQtfRA]\d+\z/)

    def makes = arguments[:as]

    def needs = arguments.reject { |key, _| key == :as }.values.select { |value| Step.name?(value) }

    # The pointers it deals with.
    def pointers = arguments.values.select { |value| value.is_a?(Symbol) && value.match?(/\Ax\d+\z/) }

    def [](key) = arguments[key]

    def tree = [self, *body&.flat_map(&:tree)]

    def with(**change) = Step.new(number, operation, arguments, body).tap { |step| change.each { |k, v| step[k] = v } }
  end

  # A list of steps, which are run one after the other.
  class Program
    attr_reader :steps, :seed

    def initialize(steps, seed = nil)
      @seed = seed
      @steps = linked(steps, [])
    end

    def all = @all ||= @steps.flat_map(&:tree)

    def size = all.size

    # The steps with these numbers, without those that depend on others.
    def only(numbers)
      Program.new(pick(@steps, numbers), @seed)
    end

    # With another step in the place of the one with its number; by several, if it is an Array.
    def change(number, replacement)
      Program.new(exchange(@steps, number, Array(replacement.is_a?(Step) ? [replacement] : replacement)), @seed)
    end

    def source = @steps.map { |step| Source.of(step) }.join("\n")

    private

    def linked(steps, made)
      steps.filter_map do |step|
        next unless (step.needs - made).empty?

        made << step.makes if step.makes
        step.body ? step.with(body: linked(step.body, made)) : step
      end
    end

    # What is around a step that stays goes, if it has to.
    def pick(steps, numbers)
      steps.flat_map do |step|
        body = step.body && pick(step.body, numbers)
        numbers.include?(step.number) ? [body ? step.with(body: body) : step] : body.to_a
      end
    end

    def exchange(steps, number, replacement)
      steps.flat_map do |step|
        next replacement if step.number == number

        [step.body ? step.with(body: exchange(step.body, number, replacement)) : step]
      end
    end
  end
end
