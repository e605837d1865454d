# frozen_string_literal: true

# A time on a command line: 90s, 10m, 1h.
module Duration
  PATTERN = /\A\d+[smh]\z/
  UNITS = {"s" => 1, "m" => 60, "h" => 3_600}.freeze
  private_constant :UNITS

  # In seconds.
  def self.parse(text) = text.to_i * UNITS.fetch(text[-1])
end
