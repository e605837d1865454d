# frozen_string_literal: true

require "ffi"
require_relative "../ratios"
require_relative "../table"

# What whole programs take where FFI::AutoPointer is replaced, as ratios to what they take where it is not.
class GemsTable
  include Ratios

  COLUMNS = { "seconds" => "processor time", "peak" => "most memory at once" }.freeze

  # `results`: by the title of a program, how many `pointers` it makes, and what was measured in the order of the
  # rounds, by column and way.
  def initialize(results, options)
    @results = results
    @options = options
  end

  def to_s
    title = "Whole programs with FFI::AutoPointer replaced in place, beside the same without, Ruby #{RUBY_VERSION}, " \
            "ffi #{FFI::VERSION} (median; in brackets, the middle half):"
    [title, "", *table(["pointers", *COLUMNS.values], lines)].join("\n")
  end

  private

  def kind = "gems"

  def lines
    @results.map do |title, result|
      ratios = COLUMNS.keys.map { |what| beside(*result.fetch(what).values_at("replaced", "stock")) }
      texts = [title, result.fetch("pointers").to_s].map { |text| with_commas(text) }
      row([*texts, *ratios.map { |each| spread_of(each) }])
    end
  end

  def with_commas(text)
    text.gsub(/\d{4,}/) { |digits| Table.number(digits) }
  end
end
