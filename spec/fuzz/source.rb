# frozen_string_literal: true

module Fuzz
  # A step as Ruby. `step(3) { ... }` logs; all else is what a user of the library would write.
  module Source
    # What a release does.
    RELEASES = {
      plain: "Oracle.free(raw)",
      raises_after: "Oracle.free(raw); raise IOError",
      raises_before: "raise IOError",
      collects: "GC.start(full_mark: false); Oracle.free(raw)",
      passes: "Thread.pass; Oracle.free(raw); Thread.pass",
      makes: "Fuzz.extra; Oracle.free(raw)"
    }.freeze

    # What a `free` of the class's own does.
    FREES = {
      direct: "Oracle.free(self); :own",
      super: "super(); :own",
      twice: "super(); super(); :own",
      reenters: "free; super(); free; :own",
      leases: "use { |raw| raw.read_int }; super(); :own",
      collects: "GC.start; super(); GC.start; :own",
      makes: "Fuzz.extra; super(); :own",
      pauses: "Fuzz.pause; super(); Fuzz.pause; :own",
      forks: "Fuzz.forked(:own) { nil }; super(); :own",
      locks: "Fuzz.lock; super(); Fuzz.lock; :own",
      kills_before: "Thread.current.kill",
      kills_after: "super(); Thread.current.kill",
      exits_before: "exit",
      exits_after: "super(); exit",
      raises_before: "raise IOError",
      raises_after: "super(); raise IOError",
      throws_before: "throw :out, :thrown",
      throws_after: "super(); throw :out, :thrown",
      nothing: ":own"
    }.freeze

    CLOSES = { direct: "Oracle.free(self); :own", super: "free; :own" }.freeze

    CALLABLES = {
      method: "Oracle.method(:free)", lambda: "->(raw) { Oracle.free(raw) }", object: "Fuzz::Destructor",
      raising: "->(raw) { Oracle.free(raw); raise IOError }", missing: "Fuzz::Missing.new", sullen: "Fuzz::Sullen.new"
    }.freeze

    # Ruby takes for old what has outlived three.
    COLLECTIONS = {
      start: "GC.start", minor: "GC.start(full_mark: false)", compact: "GC.compact", age: "3.times { GC.start }"
    }.freeze
    LAST = { raise: "; raise IOError", throw: "; throw :out, :thrown", break: "; break" }.freeze

    OPTIONS = %i[parent freed_by_parent size release_queue fork_policy].freeze
    CLASSES = { owner: "Fuzz::Owner", record: "Fuzz::Record", nil => "SafePointer" }.freeze

    class << self
      def of(step)
        "step(#{step.number}) { #{send(step.operation, step)} }"
      end

      private

      def block(step, parameters = "", first: nil, last: nil)
        lines = [*first, *step.body.map { |inner| of(inner) }, *last, "nil"].map { |line| line.gsub(/^/, "  ") }
        "{#{parameters}\n#{lines.join("\n")}\n}"
      end

      # --- classes and what belongs to them

      def define(step)
        parent = { auto: "FFI::AutoPointer", safe: "SafePointer" }.fetch(step[:base]) do |name|
          name.start_with?("A") ? "FFI::AutoPointer" : "$#{name}"
        end
        names = "$#{step[:as]} = #{"#{step[:as]} = " unless step[:anonymous]}"
        "#{names}Class.new(#{parent}) { #{parts(step).compact.join("; ")} }#{".freeze" if step[:frozen]}"
      end

      def parts(step)
        [
          ("include Fuzz::Sulking; extend Fuzz::Sulking" if step[:sullen]),
          release(step), ("frees_with :close" if step[:close]),
          ("def close = (#{CLOSES.fetch(step[:close])})" if step[:close]), free(step),
          ("release_queue $#{step[:queue]}" if step[:queue]), ("fork_policy :discard" if step[:discard])
        ]
      end

      def release(step)
        case step[:release]
        when nil then nil
        when :native then "release_with Oracle, :free"
        when :private then "def self.release(raw) = Oracle.free(raw); private_class_method :release"
        else "def self.release(raw) = (#{also(step)}#{RELEASES.fetch(step[:release])})"
        end
      end

      # Another pointer, which is freed on the way.
      def also(step) = step[:also] ? "Fuzz.quietly { $#{step[:also]}&.free }; " : ""

      def free(step)
        body = also(step) + FREES.fetch(step[:free] || return)
        case step[:form]
        when :define_method then "define_method(:free) { #{body} }"
        when :arguments then "def free(wait: false, &block) = (#{body})"
        when :include then "include Module.new { def free = (#{body}) }"
        when :prepend then "prepend Module.new { def free = (#{body}) }"
        else "def free = (#{body})"
        end
      end

      def queue(step) = "$#{step[:as]} = SafePointer::ReleaseQueue.new(thread: #{step[:thread]})"
      def drain(step) = "$#{step[:of]}.drain#{"(max: #{step[:max]})" if step[:max]}"
      def close_queue(step) = "$#{step[:of]}.close"
      def replace(_) = %(require "safe_pointer/auto_pointer")

      def stub(step)
        place = "$#{step[:class]}#{".singleton_class" if step[:name] == :release}"
        "Fuzz.stubbed(#{place}, :#{step[:name]}, :#{step[:how]}) #{block(step)}"
      end

      # --- pointers

      def make(step)
        receiver = CLASSES.fetch(step[:class], "$#{step[:class]}")
        list = [%(raw("#{step[:as]}")), *CALLABLES[step[:by]], *options(step)].join(", ")
        "$#{step[:as]} = #{receiver}.new(#{list})#{" { |raw| Oracle.free(raw) }" if step[:by] == :block}; nil"
      end

      def open_it(step)
        list = [%(raw("#{step[:as]}")), *options(step)].join(", ")
        first = %($#{step[:as]} = pointer; Fuzz.log("opened", #{step.number}))
        "$#{step[:class]}.open(#{list}) #{block(step, " |pointer|", first: first)}"
      end

      def options(step)
        step.arguments.slice(*OPTIONS).map { |key, value| "#{key}: #{Step.name?(value) ? "$#{value}" : value.inspect}" }
      end

      def null(step) = "$#{step[:class]}.new(FFI::Pointer::NULL).free"
      def freeze_it(step) = "$#{step[:of]}.freeze; nil"

      def singleton(step)
        "$#{step[:of]}&.define_singleton_method(:free) { #{step[:super] ? "super()" : "Oracle.free(self)"}; :own }; nil"
      end

      def free_it(step) = "$#{step[:of]}.free"
      def close(step) = "$#{step[:of]}.close"
      def by_hand(step) = "$#{step[:of]}.class.release($#{step[:of]})"
      def drop(step) = "$#{step[:of]} = nil"
      def detach(step) = "$#{step[:of]}.detach"
      def autorelease(step) = "$#{step[:of]}.autorelease = #{step[:on]}"
      def parent(step) = "$#{step[:of]}.parent = #{step[:parent] ? "$#{step[:parent]}" : "nil"}; nil"
      def size(step) = "$#{step[:of]}.size = #{step[:to]}"
      def ask(step) = step[:name] == :address ? "Oracle.address($#{step[:of]}).zero?" : "$#{step[:of]}.#{step[:name]}"

      def use(step)
        "$#{step[:of]}.use #{block(step, " |raw|", last: %(Fuzz.log("over", #{step.number})#{LAST[step[:last]]}))}"
      end

      # --- contexts

      def thread(step) = "$#{step[:as]} = background #{block(step)}; nil"
      def join(step) = "Fuzz.join($#{step[:of]})"
      def kill(step) = "$#{step[:of]}.kill; nil"
      def interrupt(step) = "$#{step[:of]}.raise(Fuzz::Stop); nil"
      def pass(_) = "Thread.pass"
      def fiber(step) = "$#{step[:as]} = fiber #{block(step)}; nil"
      def resume(step) = "$#{step[:of]}.resume; nil"
      def yield_fiber(_) = "Fuzz.pause; nil"
      def timeout(step) = "Fuzz.timeout(#{step[:seconds]}) #{block(step)}"
      def schedule(step) = "Fuzz.scheduled #{block(step)}"
      def few_files(step) = "Fuzz.with_few_files #{block(step)}"
      def no_memory(step) = "Fuzz.without_memory #{block(step)}"
      def deep(step) = "Fuzz.deep(#{step[:left]}) #{block(step)}"
      def ractor(step) = "Fuzz.ractor(#{step.number})"
      def fork_it(step) = "Fuzz.forked(:p#{step.number}) #{block(step)}"
      def at_exit_do(step) = "at_exit #{block(step)}; nil"
      def trap_do(step) = "trap(:USR1) #{block(step)}; Process.kill(:USR1, Process.pid); trap(:USR1, nil); nil"

      # --- GC and those who watch

      def collect(step) = "#{COLLECTIONS.fetch(step[:how])}; nil"
      def stress_do(step) = "stress #{block(step)}"
      def trace_point(step) = "tracing(#{step[:events].map(&:inspect).join(", ")}) #{block(step)}"
      def prepend_to(step) = "Fuzz.prepend_to(#{step[:place]}, :#{step[:name]}); nil"
      def trace(step) = "SafePointer.trace = #{step[:on]}"
      def subscribe(_) = "SafePointer.subscribe { |event| event.name.to_s * 2 }; nil"
      def warn_of(step) = "SafePointer.warnings[:#{step[:name]}] = #{step[:on]}"

      def handle_errors(_)
        "SafePointer.on_release_error { |error, info| Fuzz.log(:error, error.class, info[:trigger]) }; nil"
      end

      def look(step) = "SafePointer.#{step[:at]}; nil"

      # --- registries

      def registry(step)
        %($#{step[:as]} = SafePointer::FinalizationRegistry.new { |held| Fuzz.log("called", held) }; nil)
      end

      def register(step) = "$#{step[:of]}.register($#{step[:pointer]}, :#{step[:held]}, $#{step[:pointer]})"
      def unregister(step) = "$#{step[:of]}.unregister($#{step[:pointer]}); nil"

      def leave(step) = step[:how] == :raise ? "raise Interrupt" : "exit"
    end
  end
end
