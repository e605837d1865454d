# frozen_string_literal: true

require_relative "../../bench/readme"

RSpec.describe "The figures in the README" do
  results = Dir.glob("*.md", base: Readme::RESULTS).to_h do |file|
    [File.basename(file, ".md"), File.read(File.join(Readme::RESULTS, file)).strip]
  end

  it "are those that bin/bench has measured" do
    expect(Readme.new.tables).to eq results
  end

  it "come from a Ruby with typed pointers and one without" do
    expect(results.keys).to contain_exactly("ruby3.1-time", "ruby3.3-time")
  end
end
