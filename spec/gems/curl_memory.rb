# frozen_string_literal: true

require_relative "program"

# libcurl's memory, of which curl_memory.c keeps account.
module CurlMemory
  extend FFI::Library

  ffi_lib "libcurl.so.4", FFI::CURRENT_PROCESS
  attach_function :curl_global_init_mem, %i[long pointer pointer pointer pointer pointer], :int
  attach_function :live, :curl_memory_live, [], :long

  ALL = 3
  private_constant :ALL

  # Has to come first: libcurl keeps to the functions of its first initialization.
  def self.provide
    memory = %w[malloc free realloc strdup calloc].map do |name|
      ffi_libraries.last.find_function("curl_memory_#{name}")
    end
    Program.check(0, curl_global_init_mem(ALL, *memory))
  end
end
