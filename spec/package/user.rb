# frozen_string_literal: true

require "open3"
require "rbconfig"

# Someone who has Ruby, Rust and the gems ours depends on, but no checkout: a
# directory with an empty GEM_HOME, where commands see nothing of the checkout.
class User
  CHECKOUT = File.expand_path("../..", __dir__)

  attr_reader :directory, :gem_home

  def initialize(directory)
    @directory = directory
    @gem_home = File.join(directory, "gems")
    @environment = environment
  end

  # Runs a command and returns what it printed.
  def run(*command, chdir: directory, environment: {})
    output, status = Open3.capture2e(@environment.merge(environment), *command, chdir: chdir, stdin_data: "")
    status.success? or raise "#{command.join(" ")}: #{status}\n#{output}"
    output
  end

  def ruby(*arguments, **options)
    run(RbConfig.ruby, *arguments, **options)
  end

  # The gem as `gem build` makes it. Warnings are errors.
  def build_gem
    file = File.join(directory, "safe_pointer.gem")
    ruby("-S", "gem", "build", "safe_pointer.gemspec", "--strict", "--output", file, chdir: CHECKOUT)
    file
  end

  # Without a directory `gem` hides GEM_PATH from what it runs, and so rb_sys where Bundler has that; with one it wants
  # all dependencies in there. That there are these `require` checks.
  def install_gem(file)
    ruby("-S", "gem", "install", "--local", "--no-document", "--install-dir", gem_home, "--ignore-dependencies", file)
  end

  private

  # Without what the commands that run the specs leave behind: Bundler, -I and
  # rake (its RB_SYS_CARGO_MANIFEST_DIR would build the crate of the checkout).
  #
  # What cargo compiles of other crates it keeps for the next time, if it is
  # 1.91 or later; earlier ones do not know the variable.
  def environment
    ENV.keys.grep(/\A(BUNDLE|GEM_|RB_SYS_|RUBY)/).to_h { |name| [name, nil] }.merge(
      "GEM_HOME" => gem_home,
      "GEM_PATH" => Gem.path.join(File::PATH_SEPARATOR),
      "CARGO_BUILD_BUILD_DIR" => File.join(CHECKOUT, "tmp/package")
    )
  end
end
