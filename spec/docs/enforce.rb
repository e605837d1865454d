# frozen_string_literal: true

# Required by an rspec command of its own, which then checks every call against the signatures.
require_relative "signatures"

Signatures.enforce

RSpec.configure do |config|
  config.after(:suite) do
    Signatures.unchecked.each { |method| puts "no call was checked: #{method}" }
  end
end
