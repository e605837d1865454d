# frozen_string_literal: true

require "shellwords"
require "yaml"

module Mutants
  # A list, or a tree, that is not as it should be: nothing can be learned from it.
  class Error < StandardError; end

  # A mistake to be made in one place of one file, and what notices it.
  class Mutation
    LISTS = File.join(__dir__, "list")
    KEYS = %w[name breaks file text put caught_by].freeze

    # All there are.
    def self.all = Dir["#{LISTS}/*.yml"].sort.flat_map { |list| of(list) }

    # Those of a file. It has those of one part of the library, and its name goes before theirs.
    def self.of(list)
      YAML.safe_load_file(list).map { |entry| new(File.basename(list, ".yml"), entry) }
    end

    attr_reader :name, :breaks, :file, :caught_by

    def initialize(area, entry)
      raise Error, "#{area}: #{entry.inspect} must have #{KEYS.join(", ")}" unless entry.keys.sort == KEYS.sort

      @name = "#{area}/#{entry["name"]}"
      @breaks, @file, @caught_by = entry.values_at("breaks", "file", "caught_by")
      # Where a text is of several lines, those after the first are as far in as they are beside that.
      @text, @put = entry.values_at("text", "put").map { |text| text.to_s.chomp }
    end

    def rust? = file.end_with?(".rs")

    def fuzz? = caught_by.start_with?("fuzz")

    # The file of specs.
    def spec = words.first

    # Of the examples, or nil if all of them are meant.
    def filter = (words[2] if words[1] == "-e")

    # Arguments for bin/fuzz.
    def fuzz_options = words.drop(1)

    # `source` with the mistake.
    def apply(source)
      places = places_in(source)
      raise Error, "#{name}: its text is #{places.size} times in #{file}" unless places.size == 1

      at, old, new = *places.first
      source[0, at] + new + source[(at + old.size)..]
    end

    private

    def words = Shellwords.split(caught_by)

    # Where the text is, how it is written there, and what is to be there instead.
    def places_in(source)
      first = @text.lines.first.chomp
      from = 0
      places = []
      while (at = source.index(first, from))
        from = at + 1
        old, new = [@text, @put].map { |text| indented(text, source, at) }
        places << [at, old, new] if source[at, old.size] == old
      end
      places
    end

    def indented(text, source, position)
      start = source.rindex("\n", position)&.succ || 0
      indent = source[start...position][/\A */]
      first, *others = text.lines
      [first, *others.map { |line| line.strip.empty? ? line : indent + line }].join
    end
  end
end
