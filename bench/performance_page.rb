# frozen_string_literal: true

# The tables in a page, docs/performance.md for instance, each between a comment that names the file in bench/results it
# comes from, and the next comment.
class PerformancePage
  PATH = File.expand_path("../docs/performance.md", __dir__)
  RESULTS = File.expand_path("results", __dir__)
  TABLE = %r{<!-- bench/results/(?<name>\S+)\.md -->\n(?<table>.*?)<!-- end -->}m

  def initialize(path = PATH)
    @path = path
    @text = File.read(path, encoding: "UTF-8")
  end

  # The tables, by the names of their files.
  def tables
    @text.enum_for(:scan, TABLE).to_h { [$~[:name], $~[:table].strip] }
  end

  # Puts the table `name` in the place of the one that is there.
  def insert(name)
    tables.key?(name) or abort "#{File.basename(@path)} has no place for #{name}."
    table = File.read(File.join(RESULTS, "#{name}.md"), encoding: "UTF-8").strip
    own = "<!-- bench/results/#{name}.md -->\n\n#{table}\n\n<!-- end -->"
    File.write(@path, @text.gsub(TABLE) { $~[:name] == name ? own : $~[0] })
  end
end
