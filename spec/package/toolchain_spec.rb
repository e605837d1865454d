# frozen_string_literal: true

require "fileutils"
require "rbconfig"
require "tmpdir"
require_relative "user"

RSpec.describe "ext/safe_pointer/extconf.rb", :package do
  extconf = File.join(User::CHECKOUT, "ext/safe_pointer/extconf.rb")
  minimum = File.read(File.join(User::CHECKOUT, "Cargo.toml"))[/^rust-version = "(.+)"$/, 1]

  around do |example|
    Dir.mktmpdir do |directory|
      @directory = directory
      @path = File.join(directory, "path")
      @cargo_home = File.join(directory, "cargo")
      FileUtils.mkdir_p([@path, File.join(@cargo_home, "bin")])
      example.run
    end
  end

  def command(directory, name, output)
    file = File.join(directory, name)
    File.write(file, "#!/bin/sh\necho '#{output}'\n")
    File.chmod(0o755, file)
  end

  # What Ruby prints where PATH has only the commands of the example.
  def ruby(*arguments, **environment)
    environment = { "PATH" => @path, "CARGO_HOME" => @cargo_home, "LIBCLANG_PATH" => nil }.merge(environment)
    User.new(@directory).ruby(*arguments, environment: environment)
  end

  define_method(:configure) do |**environment|
    ruby(extconf, **environment)
  rescue RuntimeError => error
    "failed: #{error.message}"
  end

  def configured?
    File.exist?(File.join(@directory, "Makefile"))
  end

  it "stops on another engine, where nothing could be compiled" do
    engine = 'Object.send(:remove_const, :RUBY_ENGINE); RUBY_ENGINE = "jruby"'
    expect { ruby("-r", "open3", "-e", "#{engine}; load ARGV[0]", extconf) }
      .to raise_error(RuntimeError, /^safe_pointer runs on CRuby only, .* This is jruby\.$/)
    expect(configured?).to be false
  end

  it "stops without Rust, and says where it is to be had" do
    expect(configure).to match(%r{\Afailed: .*Install Rust #{minimum} or later: https://www.rust-lang.org/tools/install$}m)
    expect(configured?).to be false
  end

  it "says, under sudo only, that the Rust of a user is not seen there" do
    expect(configure("SUDO_USER" => "joe")).to match(%r{tools/install$.*`gem install --user-install safe_pointer`}m)
    expect(configure("SUDO_USER" => nil)).not_to include "sudo"
  end

  it "stops where Rust is too old" do
    command(@path, "cargo", "cargo 1.65.0 (4bc8f24d3 2022-10-20)")
    expect(configure).to match(/\Afailed: .*Rust 1\.65\.0 is too old: safe_pointer takes Rust #{minimum} or later/m)
  end

  it "stops where Rust is installed but not on the PATH" do
    command(File.join(@cargo_home, "bin"), "cargo", "cargo 1.99.0")
    expect(configure).to match(/\Afailed: .*Put this directory there: #{@cargo_home}\/bin$/m)
  end

  {
    "is as old as it may be" => ["cargo #{minimum}.0 (d73d2caf9 2024-12-31)"],
    "is newer" => ["cargo 1.100.0-nightly (0f4f6b2d1 2026-09-01)"],
    "does not tell its version" => ["cargo of my own making"]
  }.each do |case_of, (version)|
    it "goes on where Rust #{case_of}" do
      command(@path, "cargo", version)
      expect(configure).not_to match(/failed|Rust/)
      expect(configured?).to be true
    end
  end

  it "goes on without Rust where rb_sys is to install it" do
    expect(configure("RB_SYS_FORCE_INSTALL_RUST_TOOLCHAIN" => "true")).not_to include "failed"
  end

  describe "with libclang" do
    toolchain = File.expand_path("../toolchain", extconf)

    define_method(:advice) do |**environment|
      ruby("-r", toolchain, "-e", "puts Toolchain.libclang_advice(ARGV)", "#{@directory}/lib/libclang{,-*}.so*", **environment)
    end

    it "says how to install it where it is not to be found" do
      expect(advice).to match(/^libclang is in none .*apt install libclang-dev$/m)
    end

    it "says nothing where it is to be found, or may be" do
      FileUtils.mkdir(File.join(@directory, "lib"))
      FileUtils.touch(File.join(@directory, "lib/libclang-14.so.1"))
      expect(advice).to eq "\n"
      FileUtils.rm_r(File.join(@directory, "lib"))

      expect(advice("LIBCLANG_PATH" => @directory)).to eq "\n"
      expect(advice("LLVM_CONFIG_PATH" => "/opt/bin/llvm-config")).to eq "\n"
      command(@path, "llvm-config", "/opt/lib")
      expect(advice).to eq "\n"
    end

    it "says nothing where these specs were compiled" do
      command(@path, "cargo", "cargo #{minimum}.0")
      expect(configure("LIBCLANG_PATH" => ENV.fetch("LIBCLANG_PATH", nil))).not_to include "libclang"
    end
  end
end
