# frozen_string_literal: true

# Everything lives to the end of the process.

require_relative "../keys"

HEAP = SecureHeap.new
KEYS = Array.new(20) { Key.new(HEAP) }
