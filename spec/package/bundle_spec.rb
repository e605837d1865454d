# frozen_string_literal: true

require "fileutils"
require "tmpdir"
require_relative "user"

RSpec.describe "the Gemfile", :package do
  it "resolves from the gems that are installed" do
    Dir.mktmpdir do |directory|
      FileUtils.cp(%w[safe_pointer.gemspec Cargo.toml].map { |file| File.join(User::CHECKOUT, file) }, directory)
      # Only `rake lint` needs rubocop, and not every Ruby of Debian has it.
      gemfile = File.read(File.join(User::CHECKOUT, "Gemfile")).sub!(/^gem "rubocop".*/, "")
      File.write(File.join(directory, "Gemfile"), gemfile)
      user = User.new(directory)
      user.ruby("-S", "bundle", "install", "--local")
      expect(user.ruby("-S", "bundle", "exec", "rspec", "--version")).to include "RSpec 3."
    end
  end
end
