# frozen_string_literal: true

class SafePointer
  # What a pointer class says about its pointers.
  module Declarations
    include Fork::Policy
    include Guard::Declaration
    include NativeRelease::Declaration
    include ReleaseQueue::Declaration
  end

  extend Declarations
end
