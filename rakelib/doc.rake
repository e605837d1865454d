# frozen_string_literal: true

desc "Make the documentation, in doc/"
task(doc: "doc:stubs") { sh "yard doc --quiet" }

namespace :doc do
  # Kept in the repository: `gem install` and sites that show documentation read what is there.
  desc "Write lib/safe_pointer/documentation.rb anew, from the comments in Rust"
  task :stubs do
    require_relative "stubs"
    File.write("lib/safe_pointer/documentation.rb", Stubs.new("ext/safe_pointer/src").to_s)
  end
end
