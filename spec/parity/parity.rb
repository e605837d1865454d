# frozen_string_literal: true

# The same examples for FFI::AutoPointer as ffi has it, for SafePointer, and for FFI::AutoPointer made safe in
# place. The last is a change to a whole process, so each example runs its scenario in a child.
module Parity
  FFI_VERSION = Gem::Version.new(FFI::VERSION)

  # What one run of the examples is about.
  class Candidate
    attr_reader :title

    def initialize(title, pointer, struct, stock: false, &prepare)
      @title = title
      @pointer = pointer
      @struct = struct
      @stock = stock
      @prepare = prepare
    end

    def stock?
      @stock
    end

    def managed_struct_of_ffi?
      @struct == "FFI::ManagedStruct"
    end

    # The pointer class, in a process made ready for it.
    def pointer
      @prepare&.call
      Object.const_get(@pointer)
    end

    def managed_struct
      @prepare&.call
      Object.const_get(@struct)
    end
  end

  CANDIDATES = [
    Candidate.new("FFI::AutoPointer", "FFI::AutoPointer", "FFI::ManagedStruct", stock: true),
    Candidate.new("SafePointer", "SafePointer", "SafePointer::ManagedStruct"),
    Candidate.new("FFI::AutoPointer replaced", "FFI::AutoPointer", "FFI::ManagedStruct") do
      require "safe_pointer/auto_pointer"
    end
  ].freeze

  # Those with what ffi does not have.
  SAFE = CANDIDATES.reject(&:stock?).freeze

  # Other GC levels than the normal one are there to find faults of ours.
  CURRENT = GCLevel::CURRENT == "normal" ? CANDIDATES : SAFE

  # Defines the examples of a group once for every candidate.
  #
  # Examples marked with `since:` state what ffi does since that version: with an earlier one they are for the
  # other candidates only.
  def self.describe(title, candidates = CURRENT, &examples)
    place = caller
    candidates.each do |candidate|
      RSpec.describe "#{candidate.title}: #{title}", caller: place do
        include Parity

        let(:candidate) { candidate }

        before do |example|
          since = example.metadata[:since]
          skip "ffi #{FFI::VERSION} is not right here yet" if since && candidate.stock? && Parity.older_than?(since)
        end

        class_exec(&examples)
      end
    end
  end

  def self.older_than?(version)
    FFI_VERSION < Gem::Version.new(version)
  end

  # The event log of a scenario, which gets the pointer class of the candidate.
  def log_of
    in_child { |events| yield events, candidate.pointer }
  end

  # What is expected where the classes differ on purpose.
  def differing(stock:, safe:)
    candidate.stock? ? stock : safe
  end

  # A subclass of the common sort, made in the scenario: its class method is the destructor.
  def handle(base, &body)
    Class.new(base) { def self.release(raw) = Oracle.free(raw) }.tap { |type| type.class_eval(&body) if body }
  end

  # The class and message of what the block raises; otherwise :nothing_raised. Of a NoMethodError the class
  # only: Rubies differ in the rest.
  def error
    yield
    :nothing_raised
  rescue NoMethodError
    NoMethodError
  rescue StandardError => e
    [e.class, e.message]
  end
end
