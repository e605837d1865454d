# frozen_string_literal: true

require "rbconfig"
require "safe_pointer"
require "tmpdir"
require_relative "user"

# What can be told without building it; bin/test-native does that.
RSpec.describe "the compiled gem", :package do
  compiled = $LOADED_FEATURES.grep(%r{/safe_pointer/safe_pointer\.so\z}).first
  gem = RUBY_PLATFORM.include?("aarch64") ? "NativeGem::ARM64" : "NativeGem::X86_64"

  # What a program prints that has `rakelib/native.rake`.
  def native(source, *arguments)
    Dir.mktmpdir do |directory|
      source = "load 'rakelib/native.rake'\n#{source}"
      User.new(directory).ruby("-r", "rake", "-e", source, *arguments, chdir: User::CHECKOUT)
    end
  end

  it "is for the Rubies it has extensions for, and leaves the others to the source gem" do
    rubies = %w[3.0.7 3.1.0 3.1.7 3.2.0 3.2.9 3.3.0 3.4.9 3.5.0 4.0.0]
    wanted = native(<<~'RUBY', *rubies)
      puts ARGV.select { |ruby| NativeGem::X86_64.specification.required_ruby_version.satisfied_by?(Gem::Version.new(ruby)) }
    RUBY
    expect(wanted.split).to eq %w[3.1.0 3.1.7 3.3.0 3.4.9]
  end

  it "is for Ruby 3.3 on arm64" do
    wanted = native(<<~'RUBY', "3.2.9", "3.3.0", "3.3.8", "3.4.0")
      puts ARGV.select { |ruby| NativeGem::ARM64.specification.required_ruby_version.satisfied_by?(Gem::Version.new(ruby)) }
    RUBY
    expect(wanted.split).to eq %w[3.3.0 3.3.8]
  end

  it "has one of two names, by what RubyGems understands" do
    wanted = native(<<~'RUBY', "x86_64-linux-gnu", "x86_64-linux")
      ARGV.each do |platform|
        spec = NativeGem::X86_64.specification(platform)
        rubygems = %w[3.3.15 3.3.21 3.3.22 4.0.0].map { |version| Gem::Version.new(version) }
        puts spec.to_yaml[/^platform: (.+)/, 1], rubygems.select { |one| spec.required_rubygems_version.satisfied_by?(one) }
      end
    RUBY
    expect(wanted.split).to eq %w[x86_64-linux-gnu 3.3.22 4.0.0 x86_64-linux 3.3.15 3.3.21]
  end

  it "needs ffi, and nothing to compile with" do
    needs = native("spec = NativeGem::X86_64.specification; p spec.extensions, spec.dependencies.map(&:name), spec.files")
    expect(needs).to start_with "[]\n[\"ffi\"]\n"
    expect(needs).not_to match(/extconf|Cargo|\.rs"/)
  end

  it "has an extension that takes no more of a machine than every machine has", if: RUBY_PLATFORM.include?("linux") do
    expect(native("p #{gem}.excess(ARGV[0])", compiled)).to eq "[]\n"
  end

  it "is not built with an extension that takes more", if: RUBY_PLATFORM.include?("linux") do
    executable = File.realpath("/proc/self/exe")
    expect(native("p #{gem}.excess(ARGV[0])", executable)).to match(/"libruby|"glibc|"libm/)
  end
end
