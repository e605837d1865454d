# frozen_string_literal: true

require "shellwords"

desc "Check format and lints of Rust, Ruby and the commands in bin/"
task lint: %w[lint:format lint:clippy lint:rubocop lint:shell]

# rustup's minimal profile, which many machines have, comes without rustfmt and clippy.
def lint(*tool, command)
  if system(*tool, "--version", %i[out err] => File::NULL)
    sh command
  else
    puts "#{tool.join(" ")} is not installed: skipped"
  end
end

namespace :lint do
  task(:format) { lint "cargo", "fmt", "cargo fmt --all --check" }
  task(:clippy) { lint "cargo", "clippy", "cargo clippy --quiet --locked --workspace --all-targets -- --deny warnings" }
  task(:rubocop) { lint "rubocop", "rubocop --format quiet" }
  task :shell do
    scripts = Dir["{bin/**/*,.ci/run}"].select { |file| File.file?(file) }
    lint "shellcheck", "shellcheck --external-sources #{scripts.shelljoin}"
  end
end
