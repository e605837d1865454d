# frozen_string_literal: true

require "rubygems/package"
require_relative "licenses"

# The gem for machines that cannot compile: the extension for each Ruby that Debian has, in lib/safe_pointer/3.4 and
# so on. lib/safe_pointer/extension.rb loads the right one.
module NativeGem
  # Not x86_64-linux-gnu, which RubyGems 3.3.15, of Debian 12, does not install.
  PLATFORM = "x86_64-linux"
  DIRECTORY = "tmp/native"
  # Ruby 3.2 is in no Debian. A requirement has no words for a gap: it lists each 3.2 there has been, and a few more.
  # Rubies that are ruled out get the source gem.
  RUBIES = [">= 3.1", *Array.new(20) { |patch| "!= 3.2.#{patch}" }, "< 3.5.dev"].freeze
  # That of Debian 12, Ubuntu 22.04 and Red Hat 9 is no older.
  GLIBC = Gem::Version.new("2.34")
  # Not libruby: where Ruby is one file, there is none.
  LIBRARIES = %w[ld-linux-x86-64.so.2 libc.so.6 libgcc_s.so.1].freeze

  module_function

  def extensions
    Dir["#{DIRECTORY}/lib/safe_pointer/*/safe_pointer.so"]
  end

  def licenses
    Dir["#{DIRECTORY}/licenses/*/*"]
  end

  # What a machine may not have, that an extension wants of it.
  def excess(extension)
    libraries = `readelf --dynamic --wide #{extension}`.scan(/\(NEEDED\).*\[(.+)\]/).flatten
    versions = `objdump --dynamic-syms #{extension}`.scan(/GLIBC_([\d.]+)/).flatten.uniq
    raise "#{extension}: nothing is known of what it needs" if libraries.empty? || versions.empty?

    (libraries - LIBRARIES) + versions.select { |version| Gem::Version.new(version) > GLIBC }
                                      .map { |version| "glibc #{version}" }
  end

  def specification
    Gem::Specification.load("safe_pointer.gemspec").tap do |spec|
      spec.platform = PLATFORM
      spec.required_ruby_version = RUBIES
      spec.extensions.clear
      spec.dependencies.reject! { |dependency| dependency.name == "rb_sys" }
      spec.files.reject! { |file| file.start_with?("ext/", "Cargo.") }
      spec.files += [*extensions, *licenses].map { |file| file.delete_prefix("#{DIRECTORY}/") }
    end
  end
end

namespace :native do
  task :compile do
    rm_rf NativeGem::DIRECTORY
    sh "bin/matrix/compile-extensions", "#{NativeGem::DIRECTORY}/lib/safe_pointer"
    NativeGem.extensions.each do |extension|
      excess = NativeGem.excess(extension)
      raise "#{extension} needs what not every machine has: #{excess.join(", ")}" unless excess.empty?
    end
  end

  # MIT and its like ask that their texts go with what is compiled.
  task :licenses do
    crates = Crates.of(".", "--filter-platform", "x86_64-unknown-linux-gnu")
    Licenses.new(crates).files.each do |name, file|
      mkdir_p "#{NativeGem::DIRECTORY}/#{File.dirname(name)}", verbose: false
      cp file, "#{NativeGem::DIRECTORY}/#{name}", verbose: false
    end
  end
end

desc "Build the gem that needs no compiler, for x86_64 Linux, into pkg (on Debian, as root)"
task native: %w[native:compile native:licenses] do
  spec = NativeGem.specification
  (spec.files - Dir.glob("**/*", base: NativeGem::DIRECTORY)).each do |file|
    mkdir_p File.dirname("#{NativeGem::DIRECTORY}/#{file}"), verbose: false
    cp file, "#{NativeGem::DIRECTORY}/#{file}", verbose: false
  end
  mkdir_p "pkg"
  rm_f Dir["pkg/*-#{NativeGem::PLATFORM}.gem"]
  Dir.chdir(NativeGem::DIRECTORY) { Gem::Package.build(spec, false, true, "../../pkg/#{spec.file_name}") }
end
