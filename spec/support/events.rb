# frozen_string_literal: true

require_relative "oracle"

# The log of one child process, written straight to a pipe. The oracle writes
# `:released` (or `[:released, :name]`) into it by itself, from C, whoever
# calls the destructor; a scenario adds what it wants to see in between.
class Events
  # What the oracle writes is plain text; Ruby values are marked off with "=".
  def self.parse(text)
    text.each_line(chomp: true).map do |line|
      next Marshal.load(line.delete_prefix("=").unpack1("m0")) if line.start_with?("=")

      words = line.split.map(&:to_sym)
      words.one? ? words.first : words
    end
  end

  class << self
    # The log of this process, for methods no variable of the scenario reaches.
    attr_accessor :current
  end

  def initialize(io)
    @io = io
    Oracle.log_to(io.fileno)
    Events.current = self
  end

  # One syswrite an event: nothing is buffered when the process dies, and it is
  # allowed in trap handlers and finalizers.
  def <<(event)
    @io.syswrite("=#{[Marshal.dump(event)].pack("m0")}\n")
    self
  end

  # Has the oracle put a name to what this process releases, and the forks that give
  # themselves no other: `[:released, :name, :signature]`.
  def sign(signature)
    Oracle.sign(signature.to_s)
  end

  # A raw pointer of the oracle, which wants exactly one release.
  def raw(name = nil, size: 16)
    Oracle.create(name, size: size)
  end

  # A SafePointer with the oracle's destructor as its callable, or with `release`.
  def pointer(name = nil, type: SafePointer, release: Oracle.method(:free), **options)
    type.new(raw(name), release, **options)
  end
end
