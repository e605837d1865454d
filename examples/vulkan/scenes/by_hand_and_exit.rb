# frozen_string_literal: true

# Parents are freed by hand, and their children live to the end of the process.

require_relative "../family"

KEPT = %i[instance device pool memory].map do |kind|
  Family.create.tap { |family| family.fetch(kind).each(&:free) }
end
