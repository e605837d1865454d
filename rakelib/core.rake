# frozen_string_literal: true

desc "Test the Rust core"
task :core do
  sh "cargo test --quiet --locked --package safe_pointer_core"
end
