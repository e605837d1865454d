# frozen_string_literal: true

require "rb_sys/extensiontask"
require_relative "licenses"

# rb-sys-dock compiles for the system that it names so, and makes a gem of that.
if ENV.key?("RUBY_TARGET")
  specification = [Gem::Specification.load("safe_pointer.gemspec")]
  ENV["CARGO_PROFILE_RELEASE_STRIP"] = "symbols"
end

# Always asks cargo, which knows what has changed in either crate.
RbSys::ExtensionTask.new("safe_pointer", *specification) do |ext|
  ext.lib_dir = "lib/safe_pointer"

  # As in the gems of native.rake.
  ext.cross_compiling do |spec|
    spec.files.reject! { |file| file.start_with?("ext/", "Cargo.") }
    crates = Crates.of(".", "--filter-platform", ENV.fetch("RUST_TARGET"))
    spec.files += Licenses.new(crates).copy_to(".")
  end
end
