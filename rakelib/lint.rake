# frozen_string_literal: true

desc "Check format and lints of the Rust code"
task lint: %w[lint:format lint:clippy]

# rustup's minimal profile, which many machines have, comes without the two.
def lint(component, command)
  if system("cargo", component, "--version", %i[out err] => File::NULL)
    sh command
  else
    puts "cargo #{component} is not installed: skipped"
  end
end

namespace :lint do
  task(:format) { lint "fmt", "cargo fmt --all --check" }
  task(:clippy) { lint "clippy", "cargo clippy --quiet --locked --workspace --all-targets -- --deny warnings" }
end
