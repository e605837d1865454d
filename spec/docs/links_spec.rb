# frozen_string_literal: true

# What the documents refer to is there.
RSpec.describe "The documents" do
  root = File.expand_path("../..", __dir__)
  documents = %w[README.md CONTRIBUTING.md CHANGELOG.md RELEASING.md SECURITY.md]
  documents.concat(Dir["{docs,adr}/*.md", base: root].sort)

  # As GitHub makes them: small letters, no punctuation, hyphens for spaces.
  define_method(:anchors) do |file|
    headings = File.read(file).gsub(/^```.*?^```/m, "").scan(/^#+ (.+)/).flatten
    headings.map { |heading| heading.downcase.gsub(/[^\p{Alnum}_ -]/, "").tr(" ", "-") }
  end

  documents.each do |document|
    it "links to what there is: #{document}" do
      path = File.join(root, document)
      File.read(path).scan(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/).each do |file, anchor|
        target = file.empty? ? path : File.expand_path(file, File.dirname(path))
        expect(File).to exist(target), "#{file} is not there"
        expect(anchors(target)).to include(anchor) if anchor
      end
    end
  end

  it "list every example" do
    listed = File.read(File.join(root, "README.md")).scan(%r{^\| \[(examples/\w+)\]}).flatten
    expect(listed).to eq Dir["examples/*/", base: root].map { |directory| directory.chomp("/") }.sort
  end
end
