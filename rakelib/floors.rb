# frozen_string_literal: true

require_relative "imports"

# The binding is built in floors. A file imports what is on its own floor or below, and never in a circle.
class Floors
  # The folders, lowest first. `lib.rs` is on top of them.
  FLOORS = {
    "ruby" => "what we use of Ruby",
    "ffi" => "what we know of ffi's pointers",
    "watch" => "figures, events",
    "releaser" => "one release: data and transitions",
    "holder" => "which release a pointer has",
    "release" => "carries it out",
    "triggers" => "who asks",
    "api" => "Ruby classes, options"
  }.freeze

  PICTURE = %r{(?<=^<!-- floors -->\n).*(?=^<!-- /floors -->$)}m

  def initialize(directory, floors: FLOORS)
    @floors = floors
    @levels = [*floors.keys, "lib"].each_with_index.to_h
    @imports = Imports.new(directory)
    @files = @imports.files
    @arrows = @imports.arrows
    raise "#{directory} has no lib.rs" unless @files.include?("lib.rs")
  end

  # Sentences.
  def faults
    [*without_floor, *upward, *extensions, *circles]
  end

  # The document with the picture in it.
  def draw(document)
    raise "there is no place for the picture of the floors" unless document.match?(PICTURE)

    document.sub(PICTURE) { picture }
  end

  def drawn?(document)
    document[PICTURE] == picture
  end

  # A flowchart that GitHub draws: what each floor imports from. An arrow is left out where a longer way leads there.
  def picture
    floors = @levels.keys.reverse.select { |name| @files.any? { |file| floor(file) == name } }
    [
      "```mermaid", '%%{init: {"flowchart": {"wrappingWidth": 400}}}%%', "flowchart TB",
      *floors.map { |name| name == "lib" ? '  lib["lib.rs"]' : box(name) },
      *floors.filter_map { |name| "  #{name} --> #{next_below(name).join(" & ")}" unless below(name).empty? },
      "```", ""
    ].join("\n")
  end

  private

  def floor(file)
    file.delete_suffix(".rs").split("/").first
  end

  # The file of a folder itself is named where there is no other.
  def box(name)
    files = @files.filter_map { |file| file[%r{\A#{name}/(.+)\.rs\z}, 1] } - ["mod"]
    files = [name] if files.empty?
    <<~MERMAID.gsub(/^/, "  ").chomp
      subgraph #{name}["#{@levels[name] + 1} #{name}: #{@floors[name]}"]
        #{name}_files["#{files.join(", ")}"]
      end
    MERMAID
  end

  def below(name)
    arrows = @arrows.select { |arrow| floor(arrow.from) == name && up?(arrow.to, arrow.from) }
    arrows.map { |arrow| floor(arrow.to) }.uniq.sort_by { |other| -@levels[other] }
  end

  def next_below(name)
    below(name) - below(name).flat_map { |other| all_below(other) }
  end

  def all_below(name)
    below(name).flat_map { |other| [other, *all_below(other)] }.uniq
  end

  def up?(from, to)
    levels = [from, to].map { |file| @levels[floor(file)] }
    levels.all? && levels.first < levels.last
  end

  def without_floor
    @files.reject { |file| @levels.key?(floor(file)) }.map { |file| "#{file} is on no floor." }
  end

  def upward
    @arrows.select { |arrow| up?(arrow.from, arrow.to) }.map do |arrow|
      "#{place(arrow)} imports #{arrow.to}, but #{floor(arrow.to)} is above #{floor(arrow.from)}."
    end
  end

  # Who has the type can call the functions, and imports nothing for it.
  def extensions
    @imports.impls.select { |arrow| up?(arrow.to, arrow.from) }.map do |arrow|
      "#{place(arrow)} adds functions to a type of #{arrow.to}, but #{floor(arrow.from)} is above #{floor(arrow.to)}."
    end
  end

  # The shortest first, with each arrow in one at most. An arrow that goes up is a fault itself, and in none.
  def circles
    arrows = @arrows.reject { |arrow| up?(arrow.from, arrow.to) }.group_by(&:from)
    found = []
    while (circle = @files.filter_map { |file| circle(file, arrows) }.min_by(&:size))
      found << "#{circle.map { |arrow| "#{place(arrow)} imports #{arrow.to}" }.join(", ")}: a circle."
      circle.each { |arrow| arrows.fetch(arrow.from).delete(arrow) }
    end
    found
  end

  # The shortest way from a file back to itself.
  def circle(file, arrows)
    ways = [[]]
    seen = {}
    ways.each do |way|
      arrows.fetch(way.last&.to || file, []).each do |arrow|
        return [*way, arrow] if arrow.to == file

        ways << [*way, arrow] unless seen[arrow.to]
        seen[arrow.to] = true
      end
    end
    nil
  end

  def place(arrow)
    "#{arrow.from}:#{arrow.lines.first(3).join(",")}"
  end
end
