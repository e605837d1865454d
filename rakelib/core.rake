# frozen_string_literal: true

desc "Test what is in Rust: the core alone, in every order of events, for undefined behaviour; the binding in a Ruby VM"
task core: %w[core:test core:binding core:loom core:miri]

namespace :core do
  core = "--quiet --locked --package safe_pointer_core"

  task(:test) { sh "cargo test #{core}" }

  # The unit tests are a program that links Ruby as a shared library. Linked statically, it would not export what ffi's
  # extension needs.
  task :binding do
    if RbConfig::CONFIG["ENABLE_SHARED"] == "yes" && !Gem.win_platform?
      sh "cargo test --quiet --locked --package safe_pointer"
    else
      puts "The binding's unit tests take a Ruby that is a shared library, on a Unix: skipped"
    end
  end

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

  desc "Make one mistake after the other in the core, and see that its tests notice, with cargo-mutants"
  task :mutants do
    if system("cargo", "mutants", "--version", %i[out err] => File::NULL)
      mkdir_p "target", verbose: false
      sh "cargo mutants --package safe_pointer_core --output target/mutants"
    else
      puts "cargo-mutants is not installed: skipped. Install it with: cargo install --locked cargo-mutants"
    end
  end

  # All has to be compiled for it, the standard library too. The second time a claim is made without the
  # compare-and-swap, by two threads then, and it must say so.
  desc "Find what the core leaves without an order, with ThreadSanitizer"
  task :tsan do
    sysroot = IO.popen(%w[rustc +nightly --print sysroot], err: File::NULL, &:read).chomp
    unless File.directory?("#{sysroot}/lib/rustlib/src")
      next puts "The nightly toolchain, or its rust-src, is not installed: skipped"
    end

    host = `rustc --version --verbose`[/^host: (.+)/, 1]
    tests = "cargo +nightly test -Zbuild-std #{core} --target #{host} --target-dir target/tsan"
    weak = %(-Zprofile-rustflags --config 'profile.dev.package.safe_pointer_core.rustflags=["--cfg", "weak_claim"]')
    env = { "RUSTFLAGS" => "-Zsanitizer=thread" }
    sh env, "#{tests} --tests"
    output = IO.popen(env, "#{tests} #{weak} --test memory one_of_many_threads 2>&1", &:read)
    found = output.match?(/data race.*::write /m)
    abort "ThreadSanitizer did not find a claim of two threads:\n#{output}" unless found
  end
end
