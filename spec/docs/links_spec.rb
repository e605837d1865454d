# frozen_string_literal: true

require_relative "../../rakelib/anchors"

# What the documents refer to is there.
RSpec.describe "The documents" do
  root = File.expand_path("../..", __dir__)
  documents = %w[README.md CONTRIBUTING.md CHANGELOG.md RELEASING.md SECURITY.md]
  documents.concat(Dir["{docs,adr}/*.md", base: root].sort)

  documents.each do |document|
    it "links to what there is: #{document}" do
      path = File.join(root, document)
      File.read(path).scan(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/).each do |file, anchor|
        target = file.empty? ? path : File.expand_path(file, File.dirname(path))
        expect(File).to exist(target), "#{file} is not there"
        expect(Anchors.in_markdown(File.read(target))).to include(anchor) if anchor
      end
    end
  end

  %w[README.md docs/usage.md docs/guarantees.md docs/diagnostics.md].each do |document|
    it "list each of their sections at the top: #{document}" do
      text = File.read(File.join(root, document)).gsub(/^```.*?^```/m, "")
      sections = text.scan(/^## (.+)/).flatten.map { |heading| Anchors.of(heading) } - ["contents"]
      top = text[/\A# .*?\n- .*?(?=^## (?!Contents))/m]
      expect(top.scan(/\]\(#([^)]+)\)/).flatten - ["where-it-runs"]).to eq sections
    end
  end

  it "begin with a README that can be read in one go" do
    expect(File.foreach(File.join(root, "README.md")).count).to be <= 250
  end

  it "list every example" do
    listed = File.read(File.join(root, "docs/usage.md")).scan(%r{^\| \[(examples/\w+)\]}).flatten
    expect(listed).to eq Dir["examples/*/", base: root].map { |directory| directory.chomp("/") }.sort
  end
end
