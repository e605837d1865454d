# frozen_string_literal: true

require "ffi"

# The libraries from outside, each with the Debian package that has it.
module Needs
  UNAVAILABLE = 69 # EX_UNAVAILABLE of sysexits.h

  def self.library(receiver, name, package)
    receiver.extend(FFI::Library)
    receiver.ffi_lib(name)
  rescue LoadError
    missing(name, package)
  end

  def self.missing(what, package)
    warn "#{what} is missing: install the Debian package #{package}."
    exit UNAVAILABLE
  end
end
