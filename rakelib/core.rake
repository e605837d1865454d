# frozen_string_literal: true

desc "Test the Rust core: alone, in every order of events, and for undefined behaviour"
task core: %w[core:test core:loom core:miri]

namespace :core do
  core = "--quiet --locked --package safe_pointer_core"

  task(:test) { sh "cargo test #{core}" }

  # The second time without the compare-and-swap, which the test must notice. In a target directory of its own, or
  # the flags would have everything else compiled again.
  task :loom do
    { "--cfg loom" => "--test loom --test loom_family --test weak_claim",
      "--cfg loom --cfg weak_claim" => "--test weak_claim" }.each do |flags, tests|
      env = { "RUSTFLAGS" => flags, "CARGO_TARGET_DIR" => "target/loom", "CARGO_PROFILE_RELEASE_LTO" => "off" }
      sh env, "cargo test --release #{core} #{tests}"
    end
  end

  task :miri do
    if system("cargo", "+nightly", "miri", "--version", %i[out err] => File::NULL)
      sh "cargo +nightly miri test #{core}"
    else
      puts "cargo miri is not installed for the nightly toolchain: skipped"
    end
  end
end
