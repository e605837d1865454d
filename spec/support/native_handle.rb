# frozen_string_literal: true

require_relative "oracle"

# The common sort of subclass that is released without any Ruby.
class NativeHandle < SafePointer
  release_with Oracle, :free
end
