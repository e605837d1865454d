# frozen_string_literal: true

require "digest"
require "fileutils"
require "ffi"

# The C oracle (oracle.c), built at first use into the repository's tmp/.
module Oracle
  extend FFI::Library

  BUILD_DIR = File.expand_path("../../tmp/oracle", __dir__)
  # More flags for the compiler, as bin/test-asan has them.
  FLAGS = ENV.fetch("SAFE_POINTER_ORACLE_FLAGS", "").split

  # The library of a source here. The name carries the content, the flags and
  # the Ruby it was built for, so several Rubies can share one working copy.
  def self.build(name = "oracle")
    source = File.expand_path("#{name}.c", __dir__)
    digest = Digest::SHA256.hexdigest([File.read(source), RUBY_DESCRIPTION, *FLAGS].join("\n"))[0, 16]
    library = File.join(BUILD_DIR, "#{name}-#{digest}.so")
    compile(source, library) unless File.exist?(library)
    library
  end

  def self.compile(source, library)
    FileUtils.mkdir_p(BUILD_DIR)
    unfinished = "#{library}.#{Process.pid}"
    command = ["cc", "-std=gnu11", "-Wall", "-Wextra", "-g", "-O1", "-fPIC", "-pthread", "-shared",
               *FLAGS, "-o", unfinished, source]
    system(*command) or raise "#{command.join(" ")} failed"
    File.rename(unfinished, library)
  end
  private_class_method :compile

  ffi_lib build

  attach_function :log_to, :oracle_log_to, [:int], :void
  attach_function :sign, :oracle_sign, [:string], :void
  attach_function :sign_fork, :oracle_sign_fork, [:string], :void
  attach_function :new_block, :oracle_new, [:size_t, :string], :pointer
  attach_function :reference, :oracle_reference, [:pointer], :void
  attach_function :free, :oracle_free, [:pointer], :void
  attach_function :free_at_gate, :oracle_free_at_gate, [:pointer], :void, blocking: true
  callback :called_back, [:pointer], :void
  attach_function :call_back, :oracle_call_back, [:called_back], :void
  attach_function :free_calling_back, :oracle_free_calling_back, [:pointer], :void
  attach_function :close_gate, :oracle_close_gate, [], :void
  attach_function :open_gate, :oracle_open_gate, [], :void
  attach_function :waiting, :oracle_waiting, [], :int
  attach_function :created, :oracle_created, [], :long
  attach_function :released, :oracle_released, [], :long
  attach_function :excess, :oracle_excess, [], :long
  attach_function :live, :oracle_live, [], :long
  attach_function :count, :oracle_count, [:pointer], :void
  attach_function :counted, :oracle_counted, [], :long
  attach_function :counted_in_gc, :oracle_counted_in_gc, [], :long
  attach_function :address, :oracle_address, [:pointer], :size_t

  # A fresh raw pointer. Its releases are logged under `name`, if it has one.
  def self.create(name = nil, size: 16)
    new_block(size, name&.to_s)
  end
end
