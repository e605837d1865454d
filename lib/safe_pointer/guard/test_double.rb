# frozen_string_literal: true

class SafePointer
  module Guard
    # What test tools put in the place of a method, and take off again. It is no release itself, so no guard is put
    # before it. Where it calls the original, it calls a guard.
    #
    # Nothing but the file it is from makes it differ from a method of the class's own.
    module TestDouble
      FILES = %w[
        rspec/mocks/method_double rspec/mocks/any_instance/recorder minitest/mock mocha/stubbed_method
        flexmock/partial_mock rr/injections/double_injection
      ].map { |file| "/#{file}.rb".freeze }.freeze
      private_constant :FILES

      def self.===(method)
        method.source_location&.first&.end_with?(*FILES) || false
      end
    end
    private_constant :TestDouble
  end
end
