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

  # `roots` are those of bin/test-matrix, `target` is Rust's name, `loader` the library that loads others.
  def initialize(platform:, rubies:, roots:, target:, loader:)
    @platform = platform
    @rubies = rubies
    @roots = roots
    @target = target
    @loader = loader
  end

  # The steps of a build.
  def make
    compile
    copy_licenses
    build
  end

  # What a machine may not have, that an extension wants of it.
  def excess(extension)
    libraries = `readelf --dynamic --wide #{extension}`.scan(/\(NEEDED\).*\[(.+)\]/).flatten
    versions = `readelf --version-info --wide #{extension}`.scan(/GLIBC_([\d.]+)/).flatten.uniq
    raise "#{extension}: nothing is known of what it needs" if libraries.empty? || versions.empty?

    (libraries - [@loader, *LIBRARIES]) +
      versions.select { |version| Gem::Version.new(version) > GLIBC }.map { |version| "glibc #{version}" }
  end

  def specification
    Gem::Specification.load("safe_pointer.gemspec").tap do |spec|
      spec.platform = @platform
      spec.required_ruby_version = @rubies
      spec.extensions.clear
      spec.dependencies.reject! { |dependency| dependency.name == "rb_sys" }
      spec.files.reject! { |file| file.start_with?("ext/", "Cargo.") }
      spec.files += [*extensions, *licenses].map { |file| file.delete_prefix("#{directory}/") }
    end
  end

  private

  def directory
    "tmp/native/#{@platform}"
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
    end
  end

  # MIT and its like ask that their texts go with what is compiled.
  def copy_licenses
    crates = Crates.of(".", "--filter-platform", @target)
    Licenses.new(crates).files.each { |name, file| copy(file, name) }
  end

  def build
    spec = specification
    (spec.files - Dir.glob("**/*", base: directory)).each { |file| copy(file, file) }
    mkdir_p "pkg"
    rm_f Dir["pkg/*-#{@platform}.gem"]
    Dir.chdir(directory) { Gem::Package.build(spec, false, true, "../../../pkg/#{spec.file_name}") }
  end

  def copy(file, name)
    mkdir_p File.dirname("#{directory}/#{name}"), verbose: false
    cp file, "#{directory}/#{name}", verbose: false
  end

  # Without -gnu, which RubyGems 3.3.15, of Debian 12, neither builds nor installs.
  #
  # Ruby 3.2 is in no Debian. A requirement has no words for a gap: it lists each 3.2 there has been, and a few more.
  X86_64 = new(
    platform: "x86_64-linux", roots: %w[3.1 3.3 3.4], target: "x86_64-unknown-linux-gnu",
    loader: "ld-linux-x86-64.so.2",
    rubies: [">= 3.1", *Array.new(20) { |patch| "!= 3.2.#{patch}" }, "< 3.5.dev"]
  )
  ARM64 = new(
    platform: "aarch64-linux", roots: %w[arm64], target: "aarch64-unknown-linux-gnu", loader: "ld-linux-aarch64.so.1",
    rubies: [">= 3.3", "< 3.4.dev"]
  )
end

desc "Build the gem that needs no compiler, for x86_64 Linux, into pkg (on Debian, as root)"
task(:native) { NativeGem::X86_64.make }

namespace :native do
  desc "Build the one for arm64 Linux, on x86_64"
  task(:arm64) { NativeGem::ARM64.make }
end
