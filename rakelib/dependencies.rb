# frozen_string_literal: true

require "tempfile"
require_relative "crates"

# What cargo-deny says of the crates in Cargo.lock, by deny.toml. It is asked again about crates that are made bad on
# purpose: what does not find these would not find others.
class Dependencies
  # What is done to the description of a crate, and what cargo-deny calls that.
  PLANTS = {
    "a licence that is not allowed" => ["licenses", "rejected", "libc", { "license" => "GPL-3.0-only" }],
    "a linked crate under another licence than MIT" => ["licenses", "rejected", "libc", { "license" => "Apache-2.0" }],
    "a crate that is there twice" => ["bans", "duplicate", "autocfg", { "name" => "libc" }],
    "another registry" => ["sources", "source-not-allowed", "libc", { "source" => "registry+https://a.example/index" }],
    "a git repository" => ["sources", "source-not-allowed", "libc", { "source" => "git+https://a.example/libc#1" }]
  }.freeze
  ADVISORY_PLANTS = {
    "a crate with a known fault" => ["advisories", "vulnerability", "smallvec", { "version" => "1.6.0" }]
  }.freeze

  def initialize(plants)
    @plants = plants
  end

  # What of the plants is not found, in sentences.
  def missed
    @plants.filter_map do |title, (check, code, name, change)|
      crates = Crates.of(".", "--all-features")
      crates.named(name).merge!(change)
      metadata = JSON.generate(crates.metadata)
      # The name is in the ids, too.
      metadata.gsub!("##{name}@", "##{change["name"]}@") if change["name"]
      output = deny(metadata, check)
      "cargo deny did not find #{title}, planted in #{name}:\n#{output}" unless output.include?("error[#{code}]")
    end
  end

  private

  def deny(metadata, check)
    Tempfile.create(["metadata", ".json"]) do |file|
      file.write(metadata)
      file.close
      command = ["cargo", "deny", "--color", "never", "--metadata-path", file.path, "check", "--hide-inclusion-graph"]
      IO.popen([*command, check, err: %i[child out]], &:read)
    end
  end
end
