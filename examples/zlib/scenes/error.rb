# frozen_string_literal: true

# The data is damaged. zlib finds that out in the middle of the stream, which is
# freed on the way out, and lives on to the end of the process.

require_relative "../round_trip"

KEPT = Array.new(4) { Inflate.new }

KEPT.each do |inflate|
  inflate.convert("no deflated data at all")
  Ledger.bad "zlib took it for good data"
rescue LibZ::Error
  nil
ensure
  inflate.free
end
Ledger.expect_none_left
