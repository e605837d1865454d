# frozen_string_literal: true

require "rbconfig"
require_relative "oracle"

# A malloc that has nothing for the extension for a while, and all for Ruby and ffi: what happens where a process has no
# memory left depends on which of them asks first. It has to be preloaded, and AddressSanitizer has one of its own.
module NoMemory
  POSSIBLE = RUBY_PLATFORM.match?(/linux(-gnu)?\z/) && Oracle::FLAGS.empty?

  # The environment of a process that has it.
  def self.environment
    { "LD_PRELOAD" => Oracle.build("no_memory") }
  end

  # Its functions, in such a process.
  module Functions
    extend FFI::Library

    ffi_lib FFI::CURRENT_PROCESS
    attach_function :refuse, :no_memory, [:int], :void
    attach_function :refused, :no_memory_refused, [], :long
  rescue FFI::NotFoundError
    nil
  end
  private_constant :Functions

  class << self
    def here? = Functions.respond_to?(:refuse)

    def refused = Functions.refused

    # Runs the program that this is called from anew, with it.
    def preload
      return if here? || !POSSIBLE

      path = { "RUBYLIB" => $LOAD_PATH.join(File::PATH_SEPARATOR) }
      exec({ **path, **NoMemory.environment }, RbConfig.ruby, $PROGRAM_NAME, *ARGV)
    end

    # The extension gets nothing on this thread from here on.
    def begin = Functions.refuse(1)

    # The same, while the block runs.
    def during
      self.begin
      yield
    ensure
      Functions.refuse(0)
    end
  end
end
