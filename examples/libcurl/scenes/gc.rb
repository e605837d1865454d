# frozen_string_literal: true

# Nothing is freed by hand: whole families are garbage.

require_relative "../family"

Stage.forgetting do
  5.times do
    share_family
    multi_family
  end
end
Stage.collect(CurlHandle)
Ledger.expect_none_left
