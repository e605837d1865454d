# frozen_string_literal: true

# Each example in an interpreter of its own, for the first Ractor changes how Ruby works. The oracle logs from C,
# whichever Ractor it is called in; what a Ractor has to say otherwise it returns.
module Ractors
  def self.included(group)
    group.before do
      skip "Ruby #{RUBY_VERSION}: Ractors are tested on 3.3 and later" if RUBY_VERSION < "3.3"
      skip "ffi #{FFI::VERSION}: functions can be called in Ractors since 1.16" if FFI::VERSION < "1.16"
    end
  end

  # Runs `preparation` in the main Ractor and the block in one of its own, whose result is logged at its end.
  def run_in_ractor(source, preparation = "")
    run_ruby(<<~RUBY)
      Warning[:experimental] = false
      #{preparation}
      result = Ractor.new do
        #{source}
      end
      events << result.value
    RUBY
  end
end
