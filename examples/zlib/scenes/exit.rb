# frozen_string_literal: true

# Everything lives to the end of the process, half of the streams with more data to
# come.

require_relative "../round_trip"

KEPT = Array.new(10) { [round_trip, Deflate.new.tap { |stream| stream.convert(TEXT, LibZ::NO_FLUSH) }] }
