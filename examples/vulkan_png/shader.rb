# frozen_string_literal: true

require "digest"
require "fileutils"
require "open3"
require_relative "../ffi_1126/stage"

# Compiles GLSL to SPIR-V, once for each text.
module Shader
  DIRECTORY = File.expand_path("../../tmp/shaders", __dir__)

  def self.compile(source)
    compiled = File.join(DIRECTORY, "#{Digest::SHA256.file(source).hexdigest[0, 16]}.spv")
    build(source, compiled) unless File.exist?(compiled)
    File.binread(compiled)
  end

  # Whole or not at all: others may look for it at the same time.
  def self.build(source, compiled)
    FileUtils.mkdir_p(DIRECTORY)
    unfinished = "#{compiled}.#{Process.pid}"
    output, status = Open3.capture2e("glslangValidator", "-V", "-o", unfinished, source)
    status.success? or raise "glslangValidator failed:\n#{output}"
    File.rename(unfinished, compiled)
  rescue Errno::ENOENT
    Stage.missing("glslangValidator", "glslang-tools")
  end
  private_class_method :build
end
