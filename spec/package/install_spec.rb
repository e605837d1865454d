# frozen_string_literal: true

require "fileutils"
require "tmpdir"
require_relative "user"

RSpec.describe "the gem on a user's machine", :package do
  before(:all) do
    @directory = Dir.mktmpdir
    @user = User.new(@directory)
    @user.install_gem(@user.build_gem)
  end

  after(:all) { FileUtils.rm_rf(@directory) }

  it "is compiled with the versions of Cargo.lock" do
    build_log = File.read(Dir[File.join(@user.gem_home, "extensions/**/gem_make.out")].fetch(0))
    expect(build_log[/^cargo rustc .*/]).to include " --locked "
  end

  it "loads nothing from the checkout" do
    loaded = @user.ruby("-e", <<~'RUBY').lines(chomp: true)
      require "safe_pointer"
      puts $LOADED_FEATURES.grep(/safe_pointer/)
    RUBY
    expect(loaded.grep(/\.so\z|\.bundle\z/).size).to eq 1
    expect(loaded).to all start_with(File.realpath(@user.gem_home))
  end

  it "releases each pointer of a program once: by its own free, by GC, by C, at exit" do
    program = File.join(__dir__, "program.rb")
    expect(@user.ruby(program)).to eq File.read(File.join(__dir__, "program.txt"))
  end
end
