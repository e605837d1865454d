# frozen_string_literal: true

require "digest"
require "fileutils"
require "open3"
require_relative "mutation"

module Mutants
  # The files of the repository in a directory of their own, where mistakes can be made.
  class Copy
    BUILT = "target"
    EXTENSION = "lib/safe_pointer/safe_pointer.so"
    # As the gem is compiled, but for what takes its time.
    PROFILE = {
      "CARGO_INCREMENTAL" => "1", "CARGO_PROFILE_RELEASE_LTO" => "off", "CARGO_PROFILE_RELEASE_CODEGEN_UNITS" => "16",
      "CARGO_PROFILE_RELEASE_OPT_LEVEL" => "1"
    }.freeze

    attr_reader :directory

    def initialize(root, directory)
      @root = root
      @directory = directory
      update
    end

    # The block runs while the mistake is there.
    def with(mutation)
      path = path(mutation.file)
      raise Error, "#{mutation.name}: there is no #{mutation.file}" unless File.file?(path)

      source = File.read(path)
      File.write(path, mutation.apply(source))
      compile
      yield
    ensure
      File.write(path, source) if source
    end

    # Unless that is compiled which is there.
    def compile
      sources = Dir[path("ext/**/*.rs")].sort
      digest = Digest::SHA256.hexdigest(sources.map { |file| File.read(file) }.join)
      return if digest == @compiled

      output, status = Open3.capture2e(PROFILE, *%w[cargo build --quiet --locked --release --package safe_pointer],
                                       "--target-dir", path(BUILT), chdir: directory)
      raise Error, "it cannot be compiled:\n#{output}" unless status.success?

      FileUtils.rm_f(path(EXTENSION))
      FileUtils.cp(path("#{BUILT}/release/libsafe_pointer.so"), path(EXTENSION))
      @compiled = digest
    end

    private

    def path(file) = File.join(directory, file)

    # What has not changed keeps its time, by which cargo knows what to compile.
    def update
      FileUtils.mkdir_p(directory)
      wanted = files
      (present - wanted).each { |file| File.delete(path(file)) }
      wanted.each do |file|
        content = File.binread(File.join(@root, file))
        next if File.file?(path(file)) && File.binread(path(file)) == content

        FileUtils.mkdir_p(File.dirname(path(file)))
        File.binwrite(path(file), content)
        File.chmod(File.stat(File.join(@root, file)).mode, path(file))
      end
    end

    # Those that git knows, and new ones.
    def files
      names, status = Open3.capture2("git", "-C", @root, *%w[ls-files -z --cached --others --exclude-standard])
      raise Error, "git does not list the files" unless status.success?

      names.split("\0").select { |file| File.file?(File.join(@root, file)) }
    end

    def present
      Dir.glob("**/*", File::FNM_DOTMATCH, base: directory).select do |file|
        File.file?(path(file)) && !file.start_with?("#{BUILT}/") && file != EXTENSION
      end
    end
  end
end
