# frozen_string_literal: true

require "shellwords"

desc "Check format and lints of Rust, Ruby and the commands in bin/, the floors of the binding, and the crates"
task lint: %w[lint:format lint:clippy lint:oldest_rust lint:rubocop lint:shell lint:floors lint:dependencies]

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
  desc "Check that the oldest Rust which Cargo.toml allows compiles the binding"
  task :oldest_rust do
    toolchain = "+#{File.read("Cargo.toml")[/^rust-version = "(.+)"/, 1]}"
    check = "check --quiet --locked --package safe_pointer --target-dir target/oldest"
    lint "cargo", toolchain, "cargo #{toolchain} #{check}"
  end

  task(:rubocop) { lint "rubocop", "rubocop --format quiet" }
  task :shell do
    scripts = Dir["{bin/**/*,.ci/run}"].select { |file| File.file?(file) && File.foreach(file).first.include?("bash") }
    lint "shellcheck", "shellcheck --external-sources #{scripts.shelljoin}"
  end

  desc "Check that each file of the binding imports what is on its floor or below only, and none in a circle"
  task :floors do
    require_relative "floors"
    floors = Floors.new("ext/safe_pointer/src")
    drawn = floors.drawn?(File.read("CONTRIBUTING.md"))
    faults = [*floors.faults, *("CONTRIBUTING.md shows other floors: run `rake doc:floors`." unless drawn)]
    abort faults.join("\n") unless faults.empty?
  end

  # Then that it finds faults that are made on purpose.
  def deny(arguments, plants)
    unless system("cargo", "deny", "--version", %i[out err] => File::NULL)
      return puts "cargo deny is not installed: skipped. Install it with: bin/setup ci"
    end

    require_relative "dependencies"
    sh "cargo deny --locked check #{arguments}"
    missed = Dependencies.new(Dependencies.const_get(plants)).missed
    abort missed.join("\n") unless missed.empty?
  end

  desc "Check licences, sources and versions of the crates that Cargo.lock has, by deny.toml"
  task(:dependencies) { deny "--deny unmatched-skip bans licenses sources", :PLANTS }
  desc "Check that no fault is known of the crates, by RustSec's database, which this fetches"
  task(:advisories) { deny "advisories", :ADVISORY_PLANTS }
end
