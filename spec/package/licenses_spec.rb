# frozen_string_literal: true

require "fileutils"
require "tmpdir"
require_relative "user"
require_relative "../../rakelib/licenses"

RSpec.describe "the licences in the gem for x86_64 Linux", :package do
  around { |example| Dir.mktmpdir { |directory| @directory = directory and example.run } }

  def crates
    Crates.of(User::CHECKOUT, "--filter-platform", "x86_64-unknown-linux-gnu")
  end

  def files(of = crates, **options)
    Licenses.new(of, **options).files
  end

  # A crate whose only files are these.
  def libc_with(*files)
    files.each { |file| FileUtils.cp(File.join(User::CHECKOUT, "LICENSE.txt"), File.join(@directory, file)) }
    crates.tap { |all| all.named("libc")["manifest_path"] = File.join(@directory, "Cargo.toml") }
  end

  it "are of every crate that cargo links, and of Rust" do
    tree = Dir.chdir(User::CHECKOUT) do
      `cargo tree --locked --package safe_pointer --edges normal,no-proc-macro --prefix none \
        --target x86_64-unknown-linux-gnu`
    end
    linked = tree.scan(/^(\S+) v(\S+)/).map { |crate| crate.join("-") }.uniq.grep_v(/\Asafe_pointer/)
    expect(linked).to include(/\Amagnus-/)
    expect(files.keys.map { |file| file.split("/")[1] }.uniq).to match_array [*linked, "rust"]
  end

  it "are texts" do
    expect(files.values.map { |file| File.size(file) }).to all be > 500
    expect(files.keys).to include("licenses/rust/COPYRIGHT-library.html", "licenses/rust/MIT.txt")
  end

  it "may have notices beside them" do
    expect(files(libc_with("COPYRIGHT", "LICENSE-APACHE", "LICENSE-MIT", "NOTICE")).keys.grep(%r{/libc-})).to match [
      end_with("/COPYRIGHT"), end_with("/LICENSE-MIT"), end_with("/NOTICE")
    ]
  end

  it "are missed where a crate has none" do
    expect { files(libc_with("README.md")) }.to raise_error(/\Alibc-[\d.]+ has no text of its licence/)
  end

  it "are missed where a crate has another than ours" do
    crates = libc_with("LICENSE")
    File.write(File.join(@directory, "LICENSE"), "Apache License")
    expect { files(crates) }.to raise_error(/\Alibc-[\d.]+ has no text of its licence/)
  end

  it "are missed where Rust has none" do
    expect { files(documents: @directory) }.to raise_error(/\Athis Rust has no COPYRIGHT-library.html/)
  end
end
