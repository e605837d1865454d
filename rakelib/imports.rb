# frozen_string_literal: true

require "strscan"

# Which file of a Rust crate imports which.
#
# It goes by paths, in `use` and in the code, and follows a name that a module imports or re-exports to the file that
# defines it. The name of a folder is none of its own: what counts is what it is used for. A method call has no path,
# so where it leads is not known here. A module is an array of names.
class Imports
  # Comments, strings and characters.
  NOT_CODE = %r{
    //[^\n]* | (?<block> /\* (?: (?!/\*|\*/). | \g<block> )* \*/ )
    | \b[bc]?r(?<hashes>\#*)".*?"\k<hashes> | "(?: \\. | [^"\\] )*" | '(?: \\.[^'\n]* | [^'\\] )'
  }mx
  DEFINITION = /(?:fn|struct|enum|union|trait|type|macro_rules!)\s+(\w+)|(?:const|static(?:\s+mut)?)\s+(\w+)\s*:(?!:)/
  # With the type, where it implements no trait.
  IMPL = /\n\s*impl\b(?=\s*(?:<[^{;]*?>\s*)?(\w+(?:::\w+)*)(?:<(?:(?!\sfor\s)[^{;])*>)?\s*(?:where\s[^{;]*)?\{)/

  Arrow = Struct.new(:from, :to, :lines)
  # A path in a module, and the name it is re-exported by, if it is.
  Reference = Struct.new(:file, :within, :path, :line, :reexport)

  # Files that only tests are in, which may import anything.
  TESTS = %r{(?:\A|/)(?:tests|testing)\.rs\z}

  # All paths are from this directory, in which `lib.rs` is.
  def initialize(directory)
    files = Dir["**/*.rs", base: directory].grep_v(TESTS).sort
    @modules = files.to_h { |file| [file.sub(%r{(?:\Alib|/mod)?\.rs\z}, "").split("/"), file] }
    @folders = @modules.keys.reject(&:empty?).to_h { |path| [path[...-1], true] }
    @imports = []
    @impls = []
    # Of each module. The last are what it imports all names of.
    @definitions, @names, @globs = Array.new(3) { Hash.new { |hash, path| hash[path] = {} } }
    @words = Hash.new { |hash, file| hash[file] = {} }
    @modules.to_a.each { |path, file| read(file, path, File.read(File.join(directory, file), encoding: "UTF-8")) }
  end

  def files
    @modules.values.uniq
  end

  def arrows
    group(@imports)
  end

  # From a file that adds functions to a type to the file of the type.
  def impls
    group(@impls)
  end

  private

  def group(references)
    lines = Hash.new { |hash, files| hash[files] = [] }
    references.each { |reference| targets(reference).each { |to| lines[[reference.file, to]] << reference.line } }
    lines.reject { |(from, to),| from == to }.map { |(from, to), all| Arrow.new(from, to, all.uniq.sort) }
  end

  def read(file, path, text)
    @scanner = StringScanner.new("\n#{text.gsub(NOT_CODE) { |match| match.gsub(/[^\n]/, " ") }}")
    @line = 0
    blocks = [path] # the modules they are in
    until @scanner.eos?
      within = blocks.last
      if take(/mod\s+(\w+)\s*\{/) then @modules[blocks.push([*within, @scanner[1]]).last] = file
      elsif take(/mod\s+\w+\s*;/) then next
      elsif take(/\{/) then blocks.push(within)
      elsif take(/\}/) then blocks.pop
      elsif take(/(pub\b\s*(?:\([^)]*\)\s*)?)?use\s+(?=[\w{])/) then read_use(file, within, @scanner[1])
      elsif take(DEFINITION) then @definitions[within][@scanner[1] || @scanner[2]] = true
      elsif take(IMPL) then @impls << Reference.new(file, within, @scanner[1].scan(/\w+/), @line)
      elsif take(/\w+(?:\s*::\s*\w+)+/)
        @imports << Reference.new(file, within, @scanner[0].scan(/\w+/), @line)
      elsif take(/\w+/) then @words[file][@scanner[0]] = true
      else take(/[^\w{}:\n]+|:|\n/)
      end
    end
  end

  def take(pattern)
    @line += @scanner[0].count("\n") if @scanner.skip(pattern)
  end

  # A tree: `a::{b, c::{d as e, f}}`.
  def read_use(file, within, public, path = [])
    if take(/[\s,]*\{/)
      read_use(file, within, public, path) until take(/[\s,]*\}/)
    elsif take(/[\s,]*(\w+|\*)/)
      path += [@scanner[1]]
      return read_use(file, within, public, path) if take(/\s*::/)

      name = take(/\s+as\s+(\w+)/) ? @scanner[1] : (path - ["self"]).last
      (name == "*" ? @globs[within] : @names[within])[name == "*" ? path : name] = path
      @imports << Reference.new(file, within, path, @line, public && name)
    else
      raise "this is no `use`: #{@scanner.rest[0, 40].inspect}"
    end
  end

  # The files that a reference is to.
  def targets(reference)
    path = reference.path
    return targets_of_all(reference) if path.last == "*"

    place, item = find(reference.within, path)
    return [] if item.empty? && @folders.key?(place)
    # A folder re-exports what is in it, and has no other use for it.
    return [] if reference.reexport && inside?(place, reference.within) && !@words[reference.file][reference.reexport]

    [@modules[place]]
  end

  def inside?(place, folder)
    place.size > folder.size && place.first(folder.size) == folder
  end

  def targets_of_all(reference)
    file, within, (*path, _), line, public = *reference
    place, item = find(within, path)
    return [@modules[place]] unless item.empty? # of an enum

    names = public ? names(place) : names(place) & @words[file].keys
    names.flat_map { |name| targets(Reference.new(file, within, [*path, name], line, public && name)) }
  end

  def names(place)
    @definitions[place].keys | @names[place].keys
  end

  # The module that a path leads to, and what of the path is left there: nothing, an item, or the name of another crate.
  def find(within, path, seen = [])
    name, *rest = path
    case name
    when nil then [within, []]
    when "crate" then find([], rest, seen)
    when "self" then find(within, rest, seen)
    when "super" then find(within[...-1], rest, seen)
    else
      return find([*within, name], rest, seen) if @modules.key?([*within, name])
      # A function may have the name of a module that is imported.
      return [within, path] if seen.include?([within, name]) || (rest.empty? && @definitions[within].key?(name))

      seen += [[within, name]]
      target = import(within, name, seen) or return [within, path]
      place, item = find(within, target, seen)
      item.empty? ? find(place, rest, seen) : [place, item + rest]
    end
  end

  # What `name` is an imported name of in a module.
  def import(within, name, seen)
    return @names[within][name] if @names[within].key?(name)

    @globs[within].keys.map { |path| [*path[...-1], name] }.find do |path|
      place, item = find(within, path[...-1], seen)
      item.empty? && (@modules.key?([*place, name]) || names(place).include?(name))
    end
  end
end
