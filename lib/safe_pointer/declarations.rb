# frozen_string_literal: true

class SafePointer
  # What a pointer class says about its pointers, besides {Guard::ClassHooks#frees_with}.
  module Declarations
    include Fork::Policy
    include NativeRelease::Declaration
    include ReleaseQueue::Declaration
  end

  extend Declarations
end
