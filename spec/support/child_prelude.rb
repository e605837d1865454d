# frozen_string_literal: true

# What a fresh interpreter started by Child.ruby begins with.
require_relative "unknown_ffi" if ENV.key?("UNKNOWN_FFI")
require "ffi"
require "safe_pointer"

require_relative "events"
require_relative "handle"
require_relative "reach"

include Reach

# Its name since Ruby 4.0, which has no `take`.
class Ractor
  alias value take unless method_defined?(:value)
end

def events
  Events.current
end

Events.new(IO.for_fd(Integer(ENV.fetch("EVENTS_FD")), "w"))
GCLevel.enter
