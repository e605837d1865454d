# frozen_string_literal: true

require_relative "../program"

module Fuzz
  module Torture
    # Makes a program of a seed out of what FFI::AutoPointer and SafePointer both have. The same seed is the same
    # program on each of them, but for the superclass of its classes.
    #
    # All that a program does is allowed on FFI::AutoPointer too: it never calls a destructor twice itself, and each of
    # its releases releases.
    class Generator
      THREADS = 8
      # How often which step comes, in the program and in blocks.
      WEIGHTS = {
        make: 22, free_it: 24, drop: 6, ask: 8, collect: 5, pass: 6, fiber: 5, resume: 8, yield_fiber: 4, fork_it: 1,
        stress_do: 1
      }.freeze
      BLOCKS = %i[fiber fork_it stress_do].freeze
      RELEASES = %i[plain plain plain plain raises_after collects passes].freeze
      # The first calls the destructor itself, as in ffi/ffi#1126; the others call super.
      FREES = %i[direct super twice collects pauses raises_after throws_after].freeze
      FORMS = [nil, nil, :define_method, :include, :prepend].freeze
      CALLABLES = %i[method lambda object raising].freeze

      # `on` is :auto, :safe, or :replaced, which is FFI::AutoPointer made safe in place.
      def initialize(seed, on: :auto)
        @seed = seed
        @on = on
        @random = Random.new(seed)
        @number = @depth = 0
        @classes = {}
        @types = {}
        @fibers = []
        @freed = []
      end

      def program
        classes = Array.new(1 + @random.rand(3)) { define }
        before = Array.new(2 + @random.rand(4)) { make } + steps(6)
        before << block(:fork_it) if chance(3)
        threads = Array.new(THREADS) { |number| thread(:"t#{number + 1}") }
        Program.new([*replacement, *classes, *before, *threads, *steps(8), *ending(threads)], @seed)
      end

      private

      def replacement = @on == :replaced ? [Step.new(0, :replace, { as: :A1 })] : []

      # In the midst of what the threads do, or when they have ended.
      def ending(threads)
        return [step(:leave, how: :exit)] if chance(4)

        [*threads.map { |thread| step(:join, of: thread.makes) }, *steps(6)]
      end

      def pick(list) = list.sample(random: @random)
      def chance(one_in) = @random.rand(one_in).zero?
      def step(operation, body: nil, **arguments) = Step.new(@number += 1, operation, arguments.compact, body)

      # Up to so many.
      def steps(limit) = Array.new(1 + @random.rand(limit)) { any }.compact

      def any
        at = @random.rand(WEIGHTS.values.sum)
        operation = WEIGHTS.find { |_, weight| (at -= weight).negative? }.first
        BLOCKS.include?(operation) ? block(operation) : send(operation)
      end

      # Processes are not forked by forked ones.
      def block(operation, **arguments)
        return if @depth > 1 || (operation == :fork_it && @forked)

        arguments[:as] = :"f#{@number + 1}" if operation == :fiber
        number = @number += 1
        body = operation == :fork_it ? forked { steps(5) } : inside { steps(5) }
        @fibers << arguments[:as] if operation == :fiber
        Step.new(number, operation, arguments, body)
      end

      # A thread resumes the fibers that it has made.
      def thread(name)
        outside = @fibers
        @fibers = []
        number = @number += 1
        body = inside { steps(7) }
        body << step(:leave, how: :exit) if chance(60)
        Step.new(number, :thread, { as: name }, body)
      ensure
        @fibers = outside
      end

      def inside
        @depth += 1
        yield
      ensure
        @depth -= 1
      end

      # What is made there is there only.
      def forked(&block)
        types = @types.dup
        @forked = true
        inside(&block)
      ensure
        @types = types
        @forked = false
      end

      # A `free` that calls super twice, or is inherited, calls the destructor once.
      def define
        base = pick(@classes.keys.reject { |one| destroys?(one) }) if chance(4)
        free = pick(FREES) if chance(2)
        arguments = { as: :"C#{@classes.size + 1}", base: base || (@on == :safe ? :safe : :auto), free: free }
        arguments[:release] = pick(RELEASES)
        arguments[:form] = pick(FORMS) if free
        @classes[arguments[:as]] = arguments
        step(:define, **arguments)
      end

      def destroys?(type) = @classes.fetch(type)[:free] == :direct

      def make
        type = pick(@classes.keys)
        by = pick(CALLABLES) if chance(4)
        name = :"x#{@number + 1}"
        @types[name] = type
        step(:make, class: type, by: by, as: name)
      end

      # What was made lately is more likely to be there.
      def pointer(names = @types.keys) = chance(3) ? pick(names) : pick(names.last(5))

      # One whose `free` calls the destructor is freed at one place: two calls would be two releases.
      def free_it
        name = pointer(@types.keys - @freed) or return
        @freed << name if destroys?(@types.fetch(name))
        step(:free_it, of: name)
      end

      def drop = step(:drop, of: pointer)
      def ask = step(:ask, of: pointer, name: pick(%i[read_int inspect]))
      def collect = step(:collect, how: pick(%i[start minor minor compact]))
      def pass = step(:pass)
      def resume = (fiber = pick(@fibers)) && step(:resume, of: fiber)
      def yield_fiber = step(:yield_fiber)
    end
  end
end
