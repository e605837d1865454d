# frozen_string_literal: true

# The files here are, whatever the locale is.
Encoding.default_external = Encoding::UTF_8

require "ffi"
require "safe_pointer"

require_relative "support/gc_level"
require_relative "support/address"
require_relative "support/oracle"
require_relative "support/events"
require_relative "support/reach"
require_relative "support/handle"
require_relative "support/child"
require_relative "support/scenario"
require_relative "support/figures"

RSpec.configure do |config|
  config.disable_monkey_patching!
  config.order = :random
  Kernel.srand config.seed

  config.expect_with(:rspec) do |expectations|
    expectations.max_formatted_output_length = nil
  end

  config.include Reach
  config.include Scenario
  config.around { |example| GCLevel.around { example.run } }

  # Examples in this process, too, may not release anything twice.
  config.around do |example|
    excess = Oracle.excess
    example.run
    expect(Oracle.excess - excess).to be_zero, "a pointer was released twice"
  end
end
