# frozen_string_literal: true

module Fuzz
  # What each way to release comes to, written down from the documents and not from the code: how often the oracle is
  # called, and what the caller gets.
  module Contract
    Outcome = Struct.new(:calls, :result) do
      # An error, a jump, or the end of the thread.
      def leaves? = result.start_with?("!") || %w[=thrown left].include?(result)
    end

    DONE = Outcome.new(1, "=nil")
    RELEASES = {
      raises_after: Outcome.new(1, "!IOError"), raises_before: Outcome.new(0, "!IOError")
    }.freeze

    # These do not call super.
    FREES = {
      direct: Outcome.new(1, "=own"), raises_before: Outcome.new(0, "!IOError"),
      throws_before: Outcome.new(0, "=thrown"), nothing: Outcome.new(0, "=own"),
      kills_before: Outcome.new(0, "left"), exits_before: Outcome.new(0, "left")
    }.freeze
    ENDS = %i[kills_before kills_after exits_before exits_after].freeze
    # The rest do, and then return :own or do this.
    AFTER_SUPER = {
      raises_after: "!IOError", throws_after: "=thrown", kills_after: "left", exits_after: "left"
    }.freeze

    # A class of the program: what is defined there or inherited.
    class Kind
      attr_reader :base

      def initialize(step, base)
        @step = step
        @base = base
      end

      def release = @step[:release] || base&.release
      def close = @step[:close] || base&.close
      def discard? = @step[:discard] || base&.discard? || false
      def pauses? = @step[:free] == :pauses || base&.pauses? || false
      def ends? = ENDS.include?(@step[:free]) || base&.ends? || false
      def exits? = %i[exits_before exits_after].include?(@step[:free]) || base&.exits? || false
      def frees_others? = @step[:also] || base&.frees_others? || false
      def sullen? = @step[:sullen] || base&.sullen? || false

      # By `free`, where `release` is what the callable comes to.
      def free(release)
        Contract.free(@step[:free], base ? base.free(release) : release)
      end
    end

    module_function

    def release(kind, by)
      return Outcome.new(1, by == :raising ? "!IOError" : "=nil") if by

      RELEASES.fetch(kind&.release, DONE)
    end

    # What a method of one's own comes to, if `above` is what its super does.
    def free(how, above)
      return above unless how
      return FREES.fetch(how) if FREES.key?(how)

      Outcome.new(above.calls, above.leaves? ? above.result : AFTER_SUPER.fetch(how, "=own"))
    end

    def close(how, free)
      how == :direct ? FREES.fetch(:direct) : Outcome.new(free.calls, free.leaves? ? free.result : "=own")
    end
  end
end
