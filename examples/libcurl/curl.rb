# frozen_string_literal: true

require_relative "../ffi_1126/stage"

# As much of libcurl as a transfer needs.
module Curl
  Stage.library(self, "libcurl.so.4", "curl")

  GLOBAL_DEFAULT = 3

  # Of curl_easy_setopt.
  URL = 10_002
  COOKIES_FROM = 10_031
  HEADERS = 10_023
  SHARE = 10_100
  NO_PROXY = 10_177
  WRITE = 20_011
  NO_SIGNAL = 99

  # Of curl_share_setopt, and what is shared.
  SHARE_DATA = 1
  COOKIES = 2
  SHARE_IN_USE = 2

  BAD_HANDLE = 1

  class Error < StandardError; end

  attach_function :curl_global_init, [:long], :int
  attach_function :curl_easy_init, [], :pointer
  attach_function :curl_easy_setopt, %i[pointer int varargs], :int
  attach_function :curl_easy_perform, [:pointer], :int, blocking: true
  attach_function :curl_easy_getinfo, %i[pointer int varargs], :int
  attach_function :curl_easy_strerror, [:int], :string
  attach_function :curl_easy_cleanup, [:pointer], :void
  attach_function :curl_slist_append, %i[pointer string], :pointer
  attach_function :curl_slist_free_all, [:pointer], :void
  attach_function :curl_share_init, [], :pointer
  attach_function :curl_share_setopt, %i[pointer int varargs], :int
  attach_function :curl_share_cleanup, [:pointer], :int
  attach_function :curl_multi_init, [], :pointer
  attach_function :curl_multi_add_handle, %i[pointer pointer], :int
  attach_function :curl_multi_perform, %i[pointer pointer], :int
  attach_function :curl_multi_poll, %i[pointer pointer uint int pointer], :int, blocking: true
  attach_function :curl_multi_remove_handle, %i[pointer pointer], :int
  attach_function :curl_multi_cleanup, [:pointer], :int

  # Before there are threads.
  curl_global_init(GLOBAL_DEFAULT)

  module_function

  def check(code)
    raise Error, curl_easy_strerror(code) unless code.zero?
  end

  # The same for functions with codes of their own.
  def check_other(code)
    raise Error, "libcurl answered #{code}" unless code.zero?
  end

  def list(lines)
    lines.reduce(FFI::Pointer::NULL) { |list, line| curl_slist_append(list, line) }
  end
end
