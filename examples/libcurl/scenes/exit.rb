# frozen_string_literal: true

# Everything lives to the end of the process. In every other family the first to be
# made is freed by hand, while the others still need it.

require_relative "../family"

KEPT = Array.new(10) { |n| [share_family, multi_family].each { |first, *| first.free if n.odd? } }
