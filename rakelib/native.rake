# frozen_string_literal: true

require "rubygems/package"
require_relative "licenses"

# The gem for machines that cannot compile: the extension for each of some Rubies that Debian has, in
# lib/safe_pointer/3.4 and so on. lib/safe_pointer/extension.rb loads the right one. Rubies that it is not for get the
# source gem.
class NativeGem
  include FileUtils

  # That of Debian 12, Ubuntu 22.04 and Red Hat 9 is no older.
  GLIBC = Gem::Version.new("2.34")
  # Not libruby: where Ruby is one file, there is none.
  LIBRARIES = %w[libc.so.6 libgcc_s.so.1].freeze

  # `platforms` are names of one and the same for RubyGems, each with the versions that it is for; `roots` are those of
  # bin/test-matrix, `target` is Rust's name, `loader` the library that loads others.
  def initialize(platforms:, rubies:, roots:, target:, loader:)
    @platforms = platforms
    @rubies = rubies
    @roots = roots
    @target = target
    @loader = loader
  end

  # The steps of a build.
  def make
    compile
    copy_licenses
    @platforms.each_key { |platform| build(platform) }
  end

  # What a machine may not have, that an extension wants of it.
  def excess(extension)
    libraries = `readelf --dynamic --wide #{extension}`.scan(/\(NEEDED\).*\[(.+)\]/).flatten
    versions = `readelf --version-info --wide #{extension}`.scan(/GLIBC_([\d.]+)/).flatten.uniq
    raise "#{extension}: nothing is known of what it needs" if libraries.empty? || versions.empty?

    (libraries - [@loader, *LIBRARIES]) +
      versions.select { |version| Gem::Version.new(version) > GLIBC }.map { |version| "glibc #{version}" }
  end

  def specification(platform = @platforms.keys.first)
    # RubyGems has one, and gives it to whoever asks.
    Gem::Specification.load("safe_pointer.gemspec").dup.tap do |spec|
      spec.platform = platform
      spec.required_rubygems_version = @platforms.fetch(platform)
      spec.required_ruby_version = @rubies
      spec.extensions.clear
      spec.dependencies.reject! { |dependency| dependency.name == "rb_sys" }
      spec.files.reject! { |file| file.start_with?("ext/", "Cargo.") }
      spec.files += [*extensions, *licenses].map { |file| file.delete_prefix("#{directory}/") }
    end
  end

  private

  def directory
    "tmp/native/#{@target}"
  end

  def extensions
    Dir["#{directory}/lib/safe_pointer/*/safe_pointer.so"]
  end

  def licenses
    Dir["#{directory}/licenses/*/*"]
  end

  def compile
    rm_rf directory
    sh "bin/matrix/compile-extensions", "#{directory}/lib/safe_pointer", *@roots
    extensions.each do |extension|
      excess = excess(extension)
      raise "#{extension} needs what not every machine has: #{excess.join(", ")}" unless excess.empty?
      raise "#{extension} is not stripped" if `readelf --section-headers --wide #{extension}`.include?(".symtab")
    end
  end

  # MIT and its like ask that their texts go with what is compiled.
  def copy_licenses
    Licenses.new(Crates.of(".", "--filter-platform", @target)).copy_to(directory)
  end

  # RubyGems 3.3.15, of Debian 12, writes the platform as it is given, and names the file without `-gnu`.
  def build(platform)
    spec = specification(platform)
    (spec.files - Dir.glob("**/*", base: directory)).each { |file| copy(file, file) }
    mkdir_p "pkg"
    rm_f Dir["pkg/*-#{platform}.gem"]
    file = "../../../pkg/#{spec.name}-#{spec.version}-#{platform}.gem"
    Dir.chdir(directory) { Gem::Package.build(spec, false, true, file) }
  end

  def copy(file, name)
    mkdir_p File.dirname("#{directory}/#{name}"), verbose: false
    cp file, "#{directory}/#{name}", verbose: false
  end

  # RubyGems knows what is behind `linux` since 3.3.22. Without it, Alpine would get a gem that does not load there, and
  # with it alone, Debian 12 would compile: its RubyGems takes the other one.
  #
  # Ruby 3.2 is in no Debian. A requirement has no words for a gap: it lists each 3.2 there has been, and a few more.
  X86_64 = new(
    platforms: { "x86_64-linux-gnu" => ">= 3.3.22", "x86_64-linux" => "< 3.3.22" }, roots: %w[3.1 3.3 3.4],
    target: "x86_64-unknown-linux-gnu", loader: "ld-linux-x86-64.so.2",
    rubies: [">= 3.1", *Array.new(20) { |patch| "!= 3.2.#{patch}" }, "< 3.5.dev"]
  )
  ARM64 = new(
    platforms: { "aarch64-linux-gnu" => ">= 3.3.22" }, roots: %w[arm64], target: "aarch64-unknown-linux-gnu",
    loader: "ld-linux-aarch64.so.1", rubies: [">= 3.3", "< 3.4.dev"]
  )
end

desc "Build the gem that needs no compiler, for x86_64 Linux, under both of its names, into pkg (on Debian, as root)"
task(:native) { NativeGem::X86_64.make }

namespace :native do
  desc "Build the one for arm64 Linux, on x86_64"
  task(:arm64) { NativeGem::ARM64.make }
end
