# frozen_string_literal: true

module Fuzz
  # Makes a program of a seed. What it knows of the program so far is which names there are, not what they stand for: a
  # program may well free twice, or use what is gone.
  class Generator
    # How often which step comes, in the program and in blocks.
    WEIGHTS = {
      make: 60, free_it: 26, drop: 10, use: 16, detach: 4, autorelease: 3, parent: 9, by_hand: 6, close: 6,
      singleton: 4, wait: 8, lose: 3, keep: 5,
      size: 4, ask: 10, collect: 10, define: 8, thread: 7, join: 5, kill: 2, interrupt: 2, pass: 3, fiber: 7, resume: 12,
      yield_fiber: 4, queue: 2, drain: 2, close_queue: 1, fork_it: 2, at_exit_do: 2, trap_do: 2, stub: 5, stress_do: 1,
      trace_point: 1, trace: 1, subscribe: 1, warn_of: 1, handle_errors: 1, look: 1, registry: 1, register: 2,
      unregister: 1, replace: 1, open_it: 4, null: 2, freeze_it: 2, leave: 1, timeout: 3, schedule: 3, few_files: 1,
      no_memory: 2, deep: 2, ractor: 10, prepend_to: 2
    }.freeze
    # FFI::AutoPointer as ffi has it: there the rest does not exist.
    STOCK = %i[make free_it drop by_hand autorelease ask collect define thread join pass].freeze
    # What is no pointer, but has one.
    OTHERS = %i[owner record].freeze
    # With Ractors there are none of these, nor forks: Ruby 3.3 stands still where a thread ends beside one, and where a
    # process is forked beside one that ends.
    NOT_WITH_RACTORS = %i[thread schedule timeout].freeze
    BLOCKS = %i[
      open_it use thread fiber fork_it at_exit_do trap_do stub stress_do trace_point timeout schedule few_files
      no_memory deep
    ].freeze
    # Methods of ffi that are called in the midst of others.
    MIDST = { "FFI::Pointer" => %i[initialize address null? read_int ==], "FFI::AutoPointer" => %i[initialize] }.freeze

    # Of `without`, :forks and :stress, there is nothing in the program.
    def initialize(seed, on: "pointer", without: [])
      @seed = seed
      @on = on
      @random = Random.new(seed)
      @names = Hash.new { |names, letter| names[letter] = [] }
      @classes = {}
      @types = {}
      @stock = []
      @hot = nil
      @ractors = chance(12)
      @without = @ractors ? [:forks, *without] : without
      @number = 0
      @around = []
    end

    def program
      start = beginning + Array.new(1 + @random.rand(3)) { define }
      body = steps(4 + @random.rand(30))
      body << step(:leave, how: pick(%i[exit raise])) if chance(20) && @on != "autopointer"
      Program.new([*start, *body].compact, @seed)
    end

    private

    def beginning
      case @on
      when "replaced" then [step(:replace, as: name("A"))]
      when "middle" then before_replacement
      else []
      end
    end

    # Classes and pointers of ffi's own, with which nothing is done until they are taken over.
    def before_replacement
      @on = "autopointer"
      steps = Array.new(1 + @random.rand(2)) { define }
      @classes.each_value { |arguments| steps.find { |one| one.makes == arguments[:as] }.arguments[:release] = :plain }
      steps += Array.new(1 + @random.rand(4)) { make }
      steps += Array.new(@random.rand(2)) { chance(2) ? collect : of_pointer(:drop) }
      @on = "pointer"
      @stock = [*@classes.keys, *@names["x"]]
      [*steps.compact, step(:replace, as: name("A"))]
    end

    def pick(list) = list.sample(random: @random)
    def chance(one_in) = @random.rand(one_in).zero?

    def step(operation, body: nil, **arguments)
      Step.new(@number += 1, operation, in_time(arguments.compact), body)
    end

    # What deals with ffi's own comes after their replacement.
    def in_time(arguments)
      return arguments if @names["A"].empty? || !arguments.values.intersect?(@stock)

      arguments.merge(after: @names["A"].first)
    end

    def name(letter)
      made = :"#{letter}#{@names[letter].size + 1}"
      @names[letter] << made
      made
    end

    def weights
      @weights ||= begin
        weights = @on == "autopointer" ? WEIGHTS.slice(*STOCK) : WEIGHTS
        weights = @ractors ? weights.except(*NOT_WITH_RACTORS) : weights.except(:ractor)
        weights.except(*{ forks: :fork_it, stress: :stress_do }.values_at(*@without))
      end
    end

    def any
      return if @around.size > 3

      at = @random.rand(weights.values.sum)
      operation = weights.find { |_, weight| (at -= weight).negative? }.first
      return block(operation) if BLOCKS.include?(operation)

      respond_to?(operation, true) ? send(operation) : of_pointer(operation)
    end

    def block(operation)
      number = @number += 1
      arguments = send(:"#{operation}_arguments") or return
      within(operation) { Step.new(number, operation, in_time(arguments), steps(1 + @random.rand(5))) }
    end

    # A block of what this one says.
    def around(operation, **arguments)
      number = @number += 1
      within(operation) { Step.new(number, operation, in_time(arguments), yield) }
    end

    def within(operation)
      @around.push(operation)
      yield
    ensure
      @around.pop
    end

    # Some of them are several.
    def steps(number) = Array.new(number) { any }.flatten(1).compact

    def use_arguments = (x = proper) && lease(x)
    def lease(of) = { of: of, last: (pick(%i[raise throw break]) if chance(4)) }.compact

    def open_it_arguments
      type = pick(@classes.keys.select { |one| origin_of(one) == :safe }) or return
      x = name("x")
      @types[x] = type
      { class: type, **options.except(:freed_by_parent), as: x }.compact
    end

    def null = step(:null, class: pick(@classes.keys))
    def leave = chance(3) ? step(:leave, how: pick(%i[exit raise])) : nil

    def thread_arguments = { as: name("t") }
    def fiber_arguments = { as: name("f") }
    def fork_it_arguments = @around.empty? ? {} : nil
    def at_exit_do_arguments = {}
    def trap_do_arguments = @around.empty? ? {} : nil
    def stress_do_arguments = {}
    # It stops a thread, whichever of its fibers runs then.
    def timeout_arguments = @around.intersect?(%i[fiber timeout]) ? nil : { seconds: (1 + @random.rand(20)) / 5000.0 }
    def schedule_arguments = {}
    def few_files_arguments = @around.intersect?(%i[thread schedule]) ? nil : {}
    def no_memory_arguments = @around.include?(:fiber) ? nil : {}
    def deep_arguments = { left: 1 + @random.rand(80) }
    def trace_point_arguments = { events: pick([%i[call return], %i[c_call], %i[c_return raise], %i[line]]) }

    def stub_arguments
      type = pick(@classes.keys) or return
      return if @classes[type][:form] == :prepend || @classes[type][:release] == :private || @classes[type][:frozen]

      { class: type, name: pick(%i[free free release]), how: pick(%i[alias define]) }
    end

    # --- classes

    def define
      base = pick(@classes.keys) if chance(4)
      arguments = { as: nil, base: base || origin, release: pick(releases), free: (pick(frees) unless chance(3)) }
      arguments[:release] = nil if base && chance(2)
      arguments[:form] = pick([nil, nil, :define_method, :arguments, :include, :prepend]) if arguments[:free]
      unless @on == "autopointer"
        arguments[:close] = pick(%i[direct super]) if chance(4)
        arguments[:queue] = pick(@names["Q"]) if chance(4)
        arguments[:discard] = true if chance(8)
        arguments[:also] = pick(@names["x"]) if chance(8)
        arguments[:sullen] = true if chance(12)
        arguments[:anonymous] = true if chance(6)
        arguments[:frozen] = true if chance(12)
      end
      arguments[:as] = name("C")
      @classes[arguments[:as]] = arguments
      step(:define, **arguments)
    end

    def origin
      case @on
      when "autopointer" then :auto
      when "replaced" then @names["A"].first
      else pick([:safe, :safe, :safe, *@names["A"]])
      end
    end

    # The quiet ones are more frequent.
    def releases
      all = Source::RELEASES.keys + [:private, :native, :native, :plain, :plain, :plain]
      @on == "autopointer" ? %i[plain raises_after] : all
    end

    def frees
      return %i[direct super] if @on == "autopointer"

      Source::FREES.keys + %i[direct super super] - @without
    end

    # Whether the class, or one it inherits from, has what is asked for.
    def has?(type, part)
      definition = @classes[type] or return false
      definition[part] || (has?(definition[:base], part) if @classes.key?(definition[:base]))
    end

    def origin_of(type) = @classes.key?(type) ? origin_of(@classes[type][:base]) : type

    def replace = @names["A"].empty? && @around.empty? ? step(:replace, as: name("A")) : nil
    def queue = step(:queue, as: name("Q"), thread: !@ractors && chance(3))
    def drain = (q = pick(@names["Q"])) && step(:drain, of: q, max: chance(3) ? @random.rand(3) : nil)
    def close_queue = (q = pick(@names["Q"])) && chance(2) ? step(:close_queue, of: q) : nil

    # --- pointers

    # Somebody asks for a release that a lease keeps off, here or on a fiber that is suspended. What follows deals with the
    # same pointer now and then. By itself, that would hardly ever come about.
    def wait
      return if @around.size > 2

      @hot = x = proper or return
      before = [(step(:collect, how: :age) if chance(4))]
      return [*before, leased(x) { [*steps(@random.rand(3)), *asked(x)] }].compact if chance(2)

      f = name("f")
      fiber = around(:fiber, as: f) { [leased(x) { [*steps(@random.rand(2)), yield_fiber] }] }
      [*before, fiber, step(:resume, of: f), *asked(x), *steps(1 + @random.rand(3)), step(:resume, of: f)].compact
    end

    def leased(of) = around(:use, **lease(of)) { [*yield, *steps(1 + @random.rand(3))] }

    def asked(of)
      way = chance(4) && has?(@types[of], :close) ? :close : :free_it
      [step(way, of: of), (collect if chance(2))].compact
    end

    # Several that GC finds dead at once.
    def lose
      pointers = Array.new(2 + @random.rand(3)) { pointer }.uniq.compact
      [*pointers.map { |x| step(:drop, of: x) }, collect]
    end

    # An old one gets a child that nothing else leads to.
    def keep
      parent = pick(ties.last(6)) or return
      child = make(parent: parent, freed_by_parent: chance(2)) or return
      age = step(:collect, how: :age) if chance(2)
      [age, child, step(:drop, of: child.makes), collect, *steps(@random.rand(2)), (asked(parent) if chance(2))]
        .flatten.compact
    end

    def make(**family)
      type = pick([*@classes.keys, *@classes.keys, nil])
      type = pick(OTHERS) if type.nil? && chance(2) && @on == "pointer"
      by = pick(Source::CALLABLES.keys + [:block]) if type.nil? || (!OTHERS.include?(type) && chance(6))
      by = :method if by == :block && type && @on != "pointer"
      # A block is the last choice.
      by = nil if (by == :block && type) || (by == :raising && @on == "autopointer")
      return if @on == "autopointer" && type.nil?

      arguments = { class: type, by: by, **(@on == "autopointer" ? {} : options.merge(family)) }
      arguments[:as] = name("x")
      @types[arguments[:as]] = type
      step(:make, **arguments)
    end

    def options
      parent = pick(ties.last(6)) if chance(3)
      {
        parent: parent, freed_by_parent: (true if parent && chance(5)),
        size: (pick([0, 1, 4096, 1 << 24]) if chance(5)),
        release_queue: (pick(@names["Q"]) if chance(6)), fork_policy: (pick(%i[release discard]) if chance(10))
      }
    end

    def ties = @names["x"].reject { |x| @types[x] == :owner }

    def pointer
      names = @names["x"]
      names = names.select { |x| yield(x, @types[x]) } if block_given?
      return @hot if chance(4) && names.include?(@hot)

      # What was made lately is more likely to be there.
      chance(3) ? pick(names) : pick(names.last(4))
    end

    def of_pointer(operation)
      x = pointer { |_, type| !OTHERS.include?(type) || %i[free_it drop].include?(operation) }
      x && step(operation, of: x)
    end

    def by_hand
      x = pointer { |one, type| @classes.key?(type) && has?(type, :release) != :private && !callable?(one) }
      x && step(:by_hand, of: x)
    end

    def callable?(_) = false

    def close = (x = pointer { |_, type| has?(type, :close) }) && step(:close, of: x)

    def singleton
      x = pointer { |_, type| !OTHERS.include?(type) && !has?(type, :free) }
      x && step(:singleton, of: x, super: chance(2))
    end

    def proper = pointer { |_, type| !OTHERS.include?(type) }

    def autorelease = (x = proper) && step(:autorelease, of: x, on: chance(3))
    def parent = (x = proper) && step(:parent, of: x, parent: chance(5) ? nil : pick(ties))
    def size = (x = proper) && step(:size, of: x, to: pick([0, 64, 1 << 20]))

    def ask
      names = %i[read_int inspect]
      names += %i[address freed? null? detached? autorelease?] unless @on == "autopointer"
      x = proper
      x && step(:ask, of: x, name: pick(names))
    end

    # --- the rest

    def join = (t = pick(@names["t"])) && step(:join, of: t)
    def kill = (t = pick(@names["t"])) && step(:kill, of: t)
    def interrupt = (t = pick(@names["t"])) && step(:interrupt, of: t)
    def pass = step(:pass)
    def resume = (f = pick(@names["f"])) && step(:resume, of: f)
    def yield_fiber = step(:yield_fiber)
    def collect = step(:collect, how: pick(%i[start minor minor minor compact age]))
    def trace = step(:trace, on: chance(2))
    def subscribe = step(:subscribe)
    def warn_of = step(:warn_of, name: pick(%i[second_owner freed_by_gc self_capture]), on: !chance(3))
    def handle_errors = step(:handle_errors)
    def ractor = step(:ractor)
    def prepend_to = (place = pick(MIDST.keys)) && step(:prepend_to, place: place, name: pick(MIDST[place]))
    def look = step(:look, at: pick(%i[stats live]))
    def registry = step(:registry, as: name("R"))

    def register
      target = pointer
      registry = pick(@names["R"])
      target && registry && step(:register, of: registry, pointer: target, held: "h#{@number}")
    end

    def unregister
      target = pointer
      registry = pick(@names["R"])
      target && registry && step(:unregister, of: registry, pointer: target)
    end
  end
end
