# frozen_string_literal: true

require "fileutils"
require "rbconfig"
require "safe_pointer"
require "tmpdir"
require_relative "user"

# A gem for one platform has extensions for several Rubies in its lib.
RSpec.describe "the extension of a precompiled gem", :package do
  this_ruby = RUBY_VERSION[/\d+\.\d+/]
  compiled = $LOADED_FEATURES.grep(%r{/safe_pointer/safe_pointer\.(?:so|bundle)\z}).first

  around do |example|
    Dir.mktmpdir do |directory|
      @lib = File.join(directory, "lib")
      FileUtils.cp_r(File.join(User::CHECKOUT, "lib"), @lib)
      FileUtils.rm(Dir[File.join(@lib, "safe_pointer/safe_pointer.*")])
      @user = User.new(directory)
      example.run
    end
  end

  def extension_for(ruby)
    directory = File.join(@lib, "safe_pointer", ruby)
    FileUtils.mkdir_p(directory)
    File.join(directory, "safe_pointer.#{RbConfig::CONFIG["DLEXT"]}")
  end

  # What the program printed, or the error that ended it.
  def run(source)
    @user.ruby("-I", @lib, "-e", "#{<<~RUBY}\n#{source}")
      begin
        require "safe_pointer"
      rescue LoadError => error
        puts error.message
        exit
      end
    RUBY
  end

  it "is the one for this Ruby" do
    FileUtils.touch(extension_for("2.7"))
    FileUtils.cp(compiled, extension_for(this_ruby))
    expect(run("puts $LOADED_FEATURES.grep(/safe_pointer\\.(so|bundle)$/)")).to eq "#{extension_for(this_ruby)}\n"
  end

  it "says what to do where there is none for this Ruby" do
    %w[2.7 2.6].each { |ruby| FileUtils.touch(extension_for(ruby)) }
    expect(run("puts :loaded")).to include(
      "compiled for Ruby 2.6, 2.7; this is #{RUBY_DESCRIPTION}",
      "gem install safe_pointer --platform ruby",
      'gem "safe_pointer", force_ruby_platform: true'
    )
  end

  it "says why, and what to do, where it does not load" do
    File.write(extension_for(this_ruby), "not an extension")
    expect(run("puts :loaded")).to match(
      /does not run here: .*#{Regexp.escape(extension_for(this_ruby))}.*gem install safe_pointer --platform ruby/m
    )
  end

  it "says that another engine cannot load it" do
    FileUtils.cp(compiled, extension_for(this_ruby))
    output = @user.ruby("-I", @lib, "-r", "ffi", "-e", <<~'RUBY')
      Object.send(:remove_const, :RUBY_ENGINE)
      RUBY_ENGINE = "truffleruby"
      begin
        require "safe_pointer"
      rescue LoadError => error
        puts error.message
      end
    RUBY
    expect(output).to match(/\Asafe_pointer runs on CRuby only, .* This is truffleruby\.\n\z/)
  end
end
