# frozen_string_literal: true

require "fileutils"
require "open3"
require "tmpdir"
require_relative "../../rakelib/doc_pages"

RSpec.describe DocPages do
  # A repository with these files, and the pages that were made of it.
  def mended(files, pages)
    Dir.mktmpdir do |root|
      pages = pages.transform_keys { |page| "doc/#{page}" }
      files.merge(pages).each do |file, text|
        path = File.join(root, file)
        FileUtils.mkdir_p(File.dirname(path))
        File.write(path, text)
      end
      documents = files.keys.grep(/\A(?:docs\/)?\w+\.md\z/)
      made = DocPages.new(File.join(root, "doc"), root: root, documents: documents, repository: "https://example.org")
      made.mend
      [pages.keys.map { |page| File.read(File.join(root, page)) }, made.faults, Dir.glob("doc/**/*.svg", base: root)]
    end
  end

  # What becomes of one page, and the faults there are.
  def page(html, files = {}, others = {}, name: "file.README.html")
    (text, *), faults = mended({ "README.md" => "" }.merge(files), { name => html }.merge(others))
    [text, faults]
  end

  it "leads to the page of a document, by rdoc's name and by its own" do
    others = { "file.usage.html" => '<h2 id="label-Release+order">Release order</h2>' }
    ["docs/usage_md.html#release-order", "docs/usage.md#release-order"].each do |link|
      expect(page(%(<a href="#{link}">), { "docs/usage.md" => "" }, others))
        .to eq ['<a href="file.usage.html#release-order">', []]
    end
  end

  it "takes links of a document in docs/ from there" do
    files = { "docs/usage.md" => "", "adr/0001.md" => "" }
    html = '<a href="../README_md.html"> <a href="../adr/0001_md.html"> <a href="../adr">'
    text, faults = page(html, files, { "file.README.html" => "" }, name: "file.usage.html")
    expect(text).to eq '<a href="file.README.html"> <a href="https://example.org/blob/main/adr/0001.md"> ' \
                       '<a href="https://example.org/tree/main/adr">'
    expect(faults).to be_empty
  end

  it "copies a picture" do
    pages, faults, copies = mended({ "docs/usage.md" => "", "bench/a.svg" => "<svg/>" },
                                   { "file.usage.html" => '<img src="../bench/a.svg">' })
    expect([pages, faults, copies]).to eq [['<img src="bench/a.svg">'], [], ["doc/bench/a.svg"]]
  end

  it "gives headings the anchors of GitHub" do
    heading = '<h2 id="label-FFI-3A-3AAutoPointer"><code>FFI::AutoPointer</code>, again<span>' \
              '<a href="#label-FFI-3A-3AAutoPointer">&para;</a> <a href="#top">&uarr;</a></span></h2>'
    text, faults = page("<a href=\"#ffiautopointer-again\"> #{heading}")
    expect(text.scan("ffiautopointer-again").size).to eq 3
    expect(faults).to be_empty
  end

  it "makes HTML of the cells that rdoc leaves as they are" do
    expect(page("<th>`a`</th><td>**b** [`c`](#top)</td><td><em>`d`</em></td>").first).to eq(
      '<th><code>a</code></th><td><strong>b</strong> <a href="#top"><code>c</code></a></td><td><em>`d`</em></td>'
    )
  end

  it "leads to a method where it is, be it of the class or of an instance" do
    others = { "A.html" => "<h3 class='a' id='b-class_method'></h3>" }
    expect(page('<a href="A.html#b-instance_method">', {}, others)).to eq ['<a href="A.html#b-class_method">', []]
  end

  it "makes no link of an index" do
    expect(page('<a href=":name">A.warnings</a> = true')).to eq ["A.warnings[:name] = true", []]
  end

  it "leaves alone what leads elsewhere" do
    html = '<a href="https://a.org/b_md.html"> <a href="#"> <a href="file_list.html?1"> <a href="">'
    expect(page(html, {}, { "file_list.html" => "" })).to eq [html, []]
  end

  {
    "a file that is not there" => "docs/gone.md",
    "an anchor that is not there" => "#gone",
    "an anchor that another page has not" => "file_list.html#gone",
    "a file outside" => "../../etc/passwd"
  }.each do |fault, link|
    it "finds #{fault}" do
      expect(page(%(<a href="#{link}">), {}, { "file_list.html" => "" }).last)
        .to eq ["file.README.html: #{link} leads nowhere."]
    end
  end

  it "has no fault in the pages of this gem" do
    root = File.expand_path("../..", __dir__)
    Dir.mktmpdir do |directory|
      command = ["yard", "doc", "--quiet", "--no-cache", "--no-save", "--output-dir", directory]
      output, status = Open3.capture2e(*command, chdir: root)
      expect(status).to be_success, output
      pages = DocPages.of_gem(directory, root)
      pages.mend
      expect(pages.faults).to be_empty
      %w[README.md docs/performance.md docs/diagnostics.md].each do |page|
        tables = File.read(File.join(root, page)).scan(/^\|[-:| ]+\|$/).size
        html = File.read(File.join(directory, "file.#{File.basename(page, ".md")}.html"))
        expect(html.scan("<table").size).to eq(tables).and be_positive
      end
    end
  end
end
