# frozen_string_literal: true

require "fileutils"
require "tmpdir"
require_relative "user"

RSpec.describe "a release", :package do
  around do |example|
    Dir.mktmpdir do |directory|
      @directory = directory
      @user = User.new(directory)
      files = %w[Cargo.toml Cargo.lock CHANGELOG.md README.md Rakefile ext lib rakelib safe_pointer.gemspec]
      FileUtils.cp_r(files.map { |file| File.join(User::CHECKOUT, file) }, directory)
      example.run
    end
  end

  def read(file)
    File.read(File.join(@directory, file))
  end

  def rake(*tasks)
    @user.ruby("-S", "rake", *tasks)
  end

  it "has its version in Cargo.toml, Cargo.lock, the gem and the changelog" do
    rake("release:version[7.8.9]", "release:check")
    expect(read("Cargo.toml")).to include 'version = "7.8.9"'
    expect(read("Cargo.lock").scan(/name = "safe_pointer\w*"\nversion = "(.+)"/).flatten).to eq %w[7.8.9 7.8.9]
    expect(read("CHANGELOG.md")).to match(/^## Unreleased\n\n## \[7\.8\.9\] - \d{4}-\d\d-\d\d\n\n### /)
    expect(Gem::Specification.load(File.join(@directory, "safe_pointer.gemspec")).version.to_s).to eq "7.8.9"
  end

  it "is refused where they differ" do
    rake("release:version[7.8.9]")
    File.write(File.join(@directory, "Cargo.toml"), read("Cargo.toml").sub("7.8.9", "7.9.0"))
    expect { rake("release:check") }.to raise_error(/CHANGELOG\.md has no section for 7\.9\.0\. Cargo\.lock has another/)
  end

  it "is refused where changes are under no version" do
    rake("release:version[7.8.9]")
    File.write(File.join(@directory, "CHANGELOG.md"), read("CHANGELOG.md").sub("## Unreleased\n", "\\0\n- More.\n"))
    expect { rake("release:check") }.to raise_error(/CHANGELOG\.md has changes under Unreleased/)
  end
end
