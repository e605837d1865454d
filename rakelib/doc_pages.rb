# frozen_string_literal: true

require "cgi"
require "fileutils"
require_relative "anchors"

# The pages that yard has made of the documents and of the code.
#
# Links of the documents are those of the repository, as GitHub shows it. In the pages they lead to the page of a
# document, to a copy of a picture, or else to the repository. Headings have the anchors that GitHub gives them.
class DocPages
  LINK = /(?<=\s)(?<attribute>href|src)="(?<link>[^"]*)"/
  ELSEWHERE = %r{\A(?:[a-z]+:|//)}
  HEADING = %r{<(?<tag>h[1-6]) id="(?<id>[^"]*)">(?<text>.*?)</\k<tag>>}m

  # `warnings[:name]` is a link for rdoc.
  INDEX = %r{<a href="(?<index>:\w+)">(?<name>[^<]*)</a>}

  # Before 6.5 rdoc leaves the cells of tables as they are: what may be in them, and what it is in HTML.
  CELL = %r{(?<=<td>|<th>)[^<]+(?=</t[dh]>)}
  INLINE = {
    /`([^`]+)`/ => '<code>\1</code>',
    /\*\*([^*]+)\*\*/ => '<strong>\1</strong>',
    /\[([^\]]+)\]\(([^)]+)\)/ => '<a href="\2">\1</a>'
  }.freeze

  # Those of the gem whose files are in `root`.
  def self.of_gem(directory, root)
    homepage = Gem::Specification.load(File.join(root, "safe_pointer.gemspec")).homepage
    documents = ["README.md", "CHANGELOG.md", "LICENSE.txt", *Dir.glob("docs/*.md", base: root)]
    new(directory, root: root, documents: documents, repository: homepage)
  end

  # `repository`: the address under which the files of `root` are to be seen.
  def initialize(directory, root:, documents:, repository:)
    @directory = File.expand_path(directory)
    @root = root
    @repository = repository
    @documents = documents.to_h { |document| [document, "file.#{File.basename(document, ".*")}.html"] }
  end

  def mend
    pages.each { |page| write(page, mended(page)) }
  end

  # A sentence for each link that leads nowhere.
  def faults
    pages.flat_map do |page|
      links(read(page)).reject { |link| leads_somewhere?(page, link) }.map { |link| "#{page}: #{link} leads nowhere." }
    end
  end

  private

  def pages
    Dir.glob("**/*.html", base: @directory).sort
  end

  def read(page)
    File.read(File.join(@directory, page), encoding: "UTF-8")
  end

  def write(page, text)
    File.write(File.join(@directory, page), text)
  end

  def links(text)
    text.scan(LINK).map { |_, link| CGI.unescapeHTML(link) }.grep_v(ELSEWHERE).uniq
  end

  def mended(page)
    text = read(page)
    anchors = text.scan(HEADING).to_h { |_, id, heading| [id, anchor_of(heading)] }
    text = text.gsub(/(?<=\sid="|href="#)[^"]+/) { |id| anchors.fetch(id, id) }
    text = text.gsub(INDEX) { "#{$~[:name]}[#{$~[:index]}]" }
    text = text.gsub(CELL) { |cell| INLINE.reduce(cell) { |html, (markdown, tag)| html.gsub(markdown, tag) } }
    text.gsub(LINK) { %(#{$~[:attribute]}="#{target(page, $~[:link])}") }
  end

  # Of a heading in HTML.
  def anchor_of(heading)
    Anchors.of(CGI.unescapeHTML(heading.gsub(%r{<span>.*?</span>|<[^>]+>}m, "")))
  end

  def target(page, link)
    return link if link.match?(ELSEWHERE) || leads_somewhere?(page, link)

    path, anchor = split(link)
    return method_link(link) if made(page, path)

    file = in_repository(page, path) or return link
    [page_of(file) || copy_of(file) || in_public(file), anchor].compact.join("#")
  end

  # yard is not of one mind on whether a method of a module that a class is extended with is one of the class.
  def method_link(link)
    link.sub(/-(class|instance)_method\z/) { $1 == "class" ? "-instance_method" : "-class_method" }
  end

  # The path of a file that a page refers to: rdoc makes `_md.html` of `.md`.
  def in_repository(page, path)
    document = @documents.key(page) || "README.md"
    full = File.expand_path(path.sub(/_md\.html\z/, ".md"), File.dirname(File.join(@root, document)))
    full.delete_prefix("#{@root}/") if full.start_with?("#{@root}/") && File.exist?(full)
  end

  def page_of(file)
    @documents[file]
  end

  def copy_of(file)
    return unless file.end_with?(".svg", ".png")

    copy = File.join(@directory, file)
    FileUtils.mkdir_p(File.dirname(copy))
    FileUtils.cp(File.join(@root, file), copy)
    file
  end

  def in_public(file)
    "#{@repository}/#{File.directory?(File.join(@root, file)) ? "tree" : "blob"}/main/#{file}"
  end

  def leads_somewhere?(page, link)
    path, anchor = split(link)
    file = made(page, path) or return false
    return true if anchor.nil? || anchor.empty? || anchor == "top" || !file.end_with?(".html")

    name = Regexp.escape(CGI.escapeHTML(CGI.unescape(anchor)))
    File.read(file, encoding: "UTF-8").match?(/\s(?:id|name)=["']#{name}["']/)
  end

  # Path and anchor, without a query.
  def split(link)
    path, anchor = link.split("#", 2)
    [path.to_s.sub(/\?.*/, ""), anchor]
  end

  # The file in the directory that a page refers to, if it is there.
  def made(page, path)
    return File.join(@directory, page) if path.empty?

    file = File.expand_path(path, File.dirname(File.join(@directory, page)))
    file if file.start_with?("#{@directory}/") && File.file?(file)
  end
end
