# frozen_string_literal: true

Gem::Specification.new do |spec|
  spec.name = "safe_pointer"
  spec.version = File.read(File.join(__dir__, "Cargo.toml"))[/^version = "(.+)"$/, 1]
  spec.authors = ["The safe_pointer developers"]
  spec.summary = "FFI::AutoPointer without double frees"
  spec.description = <<~TEXT
    A drop-in replacement for FFI::AutoPointer. One atomic claim, kept in Rust and made before any
    destructor runs, decides who releases a C pointer: a subclass's own free, GC, exit, threads and errors
    can never release it twice.
  TEXT
  spec.homepage = "https://github.com/safe-pointer/safe_pointer"
  spec.license = "MIT"
  spec.metadata = {
    "bug_tracker_uri" => "#{spec.homepage}/issues",
    "changelog_uri" => "#{spec.homepage}/blob/main/CHANGELOG.md",
    "documentation_uri" => "#{spec.homepage}/tree/main/docs",
    "rubygems_mfa_required" => "true",
    "source_code_uri" => spec.homepage
  }

  spec.required_ruby_version = ">= 3.1"
  spec.files = Dir.chdir(__dir__) do
    Dir[
      "Cargo.{toml,lock}", "ext/**/*.{rb,rs,toml}", "lib/**/*.rb", "sig/**/*.rbs",
      "{README,CHANGELOG}.md", "docs/*.md", "LICENSE.txt", ".yardopts"
    ]
  end
  spec.require_paths = ["lib"]
  spec.extensions = ["ext/safe_pointer/extconf.rb"]

  spec.add_dependency "ffi", ">= 1.15.5", "< 2"
  spec.add_dependency "rb_sys", "~> 0.9.87"
end
