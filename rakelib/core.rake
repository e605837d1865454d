# frozen_string_literal: true

desc "Test the Rust core: alone, in every order of events, and for undefined behaviour"
task core: %w[core:test core:loom core:miri]

namespace :core do
  core = "--quiet --locked --package safe_pointer_core"

  task(:test) { sh "cargo test #{core}" }

  # A target directory of its own, or the flags would have everything else compiled again.
  task :loom do
    ["--cfg loom", "--cfg loom --cfg weak_claim"].each do |flags|
      sh({ "RUSTFLAGS" => flags, "CARGO_TARGET_DIR" => "target/loom" }, "cargo test --release --tests #{core}")
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
