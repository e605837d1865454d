# frozen_string_literal: true

desc "Make the documentation, in doc/"
task(doc: "doc:stubs") do
  rm_rf "doc", verbose: false
  sh "yard doc --quiet"
  Rake::Task["doc:links"].invoke
end

namespace :doc do
  # What is in the pages leads to other pages, or to the repository.
  task :links do
    require_relative "doc_pages"
    pages = DocPages.of_gem("doc", Dir.pwd)
    pages.mend
    faults = pages.faults
    abort faults.join("\n") unless faults.empty?
  end

  # Kept in the repository: `gem install` and sites that show documentation read what is there.
  desc "Write lib/safe_pointer/documentation.rb anew, from the comments in Rust"
  task :stubs do
    require_relative "stubs"
    File.write("lib/safe_pointer/documentation.rb", Stubs.new("ext/safe_pointer/src").to_s)
  end

  desc "Draw the floors of the binding in CONTRIBUTING.md, from the imports in Rust"
  task :floors do
    require_relative "floors"
    text = File.read("CONTRIBUTING.md")
    File.write("CONTRIBUTING.md", Floors.new("ext/safe_pointer/src").draw(text))
  end
end
