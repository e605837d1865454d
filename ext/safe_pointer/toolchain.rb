# frozen_string_literal: true

require "open3"
require "rubygems"

# What it takes to compile the extension beside Ruby and a C compiler: Rust, and libclang, through which bindgen reads
# Ruby's header files.
module Toolchain
  MINIMUM = File.read(File.expand_path("../../Cargo.toml", __dir__))[/^rust-version = "(.+)"$/, 1]
  CARGO = ENV.fetch("CARGO", "cargo")
  CARGO_BIN = File.join(ENV.fetch("CARGO_HOME") { File.join(Dir.home, ".cargo") }, "bin")

  # rustup installs for one user.
  SUDO = "sudo does not see a Rust that a user has. With one, without sudo: `gem install --user-install safe_pointer`"

  # Where clang-sys looks for libclang (build/common.rs there), apart from the places that variables and `llvm-config`
  # name.
  LIBCLANG = %w[
    /usr/{,local/}lib*/{,*/,*/*/}libclang{,-*}.so* /usr/local/llvm*/lib*/libclang{,-*}.so*
    /{Library/Developer/CommandLineTools,Applications/Xcode*.app/Contents/Developer/Toolchains/*}/usr/lib/libclang.dylib
    /{usr/local,opt/homebrew}/opt/llvm*/lib/{,llvm*/lib/}libclang.dylib
  ].freeze

  module_function

  # What is wrong with the Ruby, or nil.
  def engine_problem(engine = RUBY_ENGINE)
    return if engine == "ruby"

    "safe_pointer runs on CRuby only, as its extension is made for that. This is #{engine}."
  end

  # What is wrong with Rust, or nil. rb_sys can be told to install it; then nothing is.
  def rust_problem
    return if ENV.key?("RB_SYS_FORCE_INSTALL_RUST_TOOLCHAIN")

    version = cargo_version
    if version.nil?
      File.executable?(File.join(CARGO_BIN, "cargo")) ? <<~HIDDEN : <<~MISSING
        Rust is installed, but its commands are not on the PATH. Put this directory there: #{CARGO_BIN}
      HIDDEN
        safe_pointer is compiled when it is installed, and Rust is missing (no `#{CARGO}` on the PATH).
        Install Rust #{MINIMUM} or later: https://www.rust-lang.org/tools/install#{"\n#{SUDO}" if ENV.key?("SUDO_USER")}
      MISSING
    elsif Gem::Version.new(version) < Gem::Version.new(MINIMUM)
      <<~OLD
        Rust #{version} is too old: safe_pointer takes Rust #{MINIMUM} or later.
        Update it with `rustup update`. If it is not from rustup: https://www.rust-lang.org/tools/install
      OLD
    end
  end

  # What to do if bindgen does not find libclang, where it probably will not; otherwise nil. RubyGems shows it only
  # when the build has failed.
  def libclang_advice(places = LIBCLANG)
    return if %w[LIBCLANG_PATH LLVM_CONFIG_PATH].any? { |name| ENV.key?(name) } || Gem.win_platform?
    return if Dir.glob(places).any? || output("llvm-config", "--libdir")

    <<~TEXT
      libclang is in none of the usual places. If the build fails for that, install it:

          Debian, Ubuntu   apt install libclang-dev
          Fedora, RHEL     dnf install clang-devel
          Alpine           apk add clang-dev
          macOS            xcode-select --install

      or set LIBCLANG_PATH to the directory it is in.
    TEXT
  end

  # nil if there is no cargo. One that does not say its version gets the benefit of the doubt.
  def cargo_version
    output(CARGO, "--version")&.then { |text| text[/\d+\.\d+\.\d+/] || MINIMUM }
  end

  # What a command prints, or nil if it fails.
  def output(*command)
    text, status = Open3.capture2e(*command)
    text if status.success?
  rescue SystemCallError
    nil
  end
end
