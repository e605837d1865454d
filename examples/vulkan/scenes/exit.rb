# frozen_string_literal: true

# Everything lives to the end of the process. Ruby may release then in the order
# in which pointers were made, or the other way round, so there are families made
# in either.

require_relative "../family"

KEPT = [Family.create, Family.create_late, Family.create, Family.create_late].freeze
