# frozen_string_literal: true

# Loads the part in Rust. It was compiled when the gem was installed, except in a gem for one platform: that has it
# compiled, once for each of several Rubies.
unless RUBY_ENGINE == "ruby"
  raise LoadError, "safe_pointer runs on CRuby only, as its extension is made for that. This is #{RUBY_ENGINE}."
end

precompiled = Dir.glob("[0-9]*.[0-9]*/safe_pointer.*", base: __dir__).sort

if precompiled.empty?
  require "safe_pointer/safe_pointer"
else
  begin
    require_relative "#{RUBY_VERSION[/\A\d+\.\d+/]}/safe_pointer"
  rescue LoadError => error
    raise LoadError, <<~TEXT
      The precompiled safe_pointer does not run here: #{error.message}
      It has been compiled for Ruby #{precompiled.map { |file| File.dirname(file) }.join(", ")}; this is #{RUBY_DESCRIPTION}.
      Have it compiled on this machine instead, which takes Rust, a C compiler, make, Ruby's header files and libclang:

          gem uninstall safe_pointer && gem install safe_pointer --platform ruby

      or in a Gemfile, from Bundler 2.3.18 on:

          gem "safe_pointer", force_ruby_platform: true
    TEXT
  end
end
