# frozen_string_literal: true

require_relative "stream"

TEXT = Array.new(2_000) { |n| "Line #{n}, #{n * n % 997}.\n" }.join

# Text through a stream that deflates and one that inflates. Returns the two.
def round_trip
  deflate = Deflate.new
  inflate = Inflate.new
  deflated = deflate.convert(TEXT)
  Ledger.bad "#{TEXT.bytesize} bytes are #{deflated.bytesize} now" unless deflated.bytesize < TEXT.bytesize
  Ledger.bad "the text has come back changed" unless inflate.convert(deflated) == TEXT
  [deflate, inflate]
end
