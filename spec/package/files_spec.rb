# frozen_string_literal: true

require "rubygems/package"
require "shellwords"
require "tmpdir"
require_relative "user"

RSpec.describe "the files in the gem", :package do
  # Directories and files of the repository that are for developing only.
  # Whatever else is in it belongs in the gem.
  development = %r{\A(?:
    \.(?!yardopts\z) | (?:adr|bench|bin|examples|rakelib|spec)/
    | (?:CONTRIBUTING\.md|RELEASING\.md|SECURITY\.md|Gemfile|Rakefile|deny\.toml|safe_pointer\.gemspec)\z
  )}x

  before(:all) do
    Dir.mktmpdir do |directory|
      @files = Gem::Package.new(User.new(directory).build_gem).contents.sort
    end
  end

  it "include all the build needs, and the documents" do
    expect(@files).to include(
      "Cargo.toml", "Cargo.lock",
      "ext/safe_pointer/extconf.rb", "ext/safe_pointer/Cargo.toml", "ext/safe_pointer/src/lib.rs",
      "ext/safe_pointer_core/Cargo.toml", "ext/safe_pointer_core/src/lib.rs",
      "lib/safe_pointer.rb",
      "README.md", "CHANGELOG.md", "LICENSE.txt"
    )
  end

  it "are sources, signatures and documents only" do
    expect(@files).to all match(
      %r{\A(?:
        Cargo\.(?:toml|lock) | ext/.+\.(?:rb|rs|toml) | lib/.+\.rb | sig/.+\.rbs |
        (?:README|CHANGELOG|docs/.+)\.md | LICENSE\.txt | \.yardopts
      )\z}x
    )
  end

  it "are those git knows, apart from what is for developing" do
    known = `git -C #{User::CHECKOUT.shellescape} ls-files -z --cached --others --exclude-standard 2>&1`
    skip "not a git checkout: #{known.lines.first}" unless $?.success?

    present = known.split("\0").select { |file| File.exist?(File.join(User::CHECKOUT, file)) }
    expect(@files).to eq present.grep_v(development).sort
  end
end
