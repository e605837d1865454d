# frozen_string_literal: true

# Ruby source with what the extension defines, for yard, RDoc and editors, none of which reads Rust: the classes and
# their public methods, with the comments they have in Rust and without bodies.
#
# It goes by how this extension is written. A comment with `///` stands above the function, one with `//` above a class
# or a constant. A variable that holds a class is assigned where the class is defined; any other named `class` or
# `safe_pointer` is SafePointer. The parameters of a function that takes any number of arguments are in its `@overload`.
class Stubs
  HEADER = <<~RUBY
    # frozen_string_literal: true

    # What the extension defines in Rust, for yard, ri and editors. Made by `rake doc:stubs`; nothing loads it.
    return

  RUBY

  SUPERCLASSES = {
    "ruby.class_object()" => nil,
    "ruby.exception_runtime_error()" => "RuntimeError",
    "superclass" => "FFI::Pointer"
  }.freeze

  # A Rust file.
  class Source
    FUNCTION = %r{
      (?<comment> (?: ^[ ]*///.*\n )*) (?: ^[ ]*\#\[.*\]\n )*
      ^(?<indent>[ ]*) (?:pub\s)? fn\s (?<name>\w+) (?:<[^(]*>)? \( (?<parameters>[^)]*) \)
    }x
    DEFINITION = %r{
      (?<comment> (?: ^[ ]*//(?!/).*\n )*)
      ^[ ]* (?: let\s(?<variable>\w+) (?::\s\w+)? \s=\s )?
      (?: namespace::define_(?<private>private_class) |
        \w+ \n\s* \.singleton_class\(\)\? \n\s* \.define_private_method .* |
        (?<receiver>\w+) \. (?:
          define_(?<kind>class|module|error) \( "(?<type>\w+)" (?:,\s (?<superclass>.+?) )? \)\?; |
          const_set \( "(?<constant>\w+)" |
          (?<singleton>singleton_class) \(\)\?; |
          define_(?<scope>singleton_|private_|)method \( \s*
            "(?<method>[^"]+)", \s* \w+!\( (?<function>[\w:]+),\s (?<arity>-?\d) \)
        )
      )
    }x

    attr_reader :path, :stem

    def initialize(directory, path)
      @path = path
      @stem = File.basename(path, ".rs")
      @text = File.read(File.join(directory, path))
    end

    # The function `name`, of the module itself or of a type in it.
    def function(name, of_type:)
      scan(FUNCTION).find { |match| match[:name] == name && match[:indent].empty? != of_type }
    end

    def definitions
      scan(DEFINITION)
    end

    private

    def scan(pattern)
      @text.to_enum(:scan, pattern).map { Regexp.last_match }
    end
  end

  # A class or module in the making.
  Namespace = Struct.new(:keyword, :name, :superclass, :comment, :definitions) do
    def lines
      head = [keyword, name, *("<" if superclass), *superclass].join(" ")
      [*comment, head, *body.map { |line| line.empty? ? line : "  #{line}" }, "end"]
    end

    # The classes in it come last.
    def body
      inner, methods = definitions.partition { |member| member.is_a?(Namespace) }
      parts = methods + inner.map(&:lines)
      parts.flat_map { |lines| ["", *lines] }.drop(1)
    end
  end

  def initialize(directory)
    @sources = Dir["**/*.rs", base: directory].sort.map { |path| Source.new(directory, path) }
    @namespaces = { [] => Namespace.new(nil, nil, nil, [], []) }
    # Those of the ground floor first, of which one defines SafePointer.
    @sources.partition { |source| source.path.start_with?("ruby/") }.flatten.each { |source| read(source) }
  end

  def to_s
    HEADER + @namespaces.fetch([]).body.join("\n") << "\n"
  end

  private

  def read(source)
    paths = { "ruby" => [], "class" => ["SafePointer"], "safe_pointer" => ["SafePointer"] }
    functions = {}
    source.definitions.each do |match|
      paths[match[:variable]] = nil if match[:private]
      path = paths[match[:receiver]] or next
      case match.named_captures.compact.transform_keys(&:to_sym)
      in { type: String => name } then paths[match[:variable]] = enter(path, name, match)
      in { constant: String => name } then add(path, comment(match), constant(name))
      in { singleton: String } then paths[match[:variable]] = nil
      in { scope: "private_" } then next
      in { method: String } then add_method(path, match, source, functions)
      end
    end
  end

  def enter(path, name, match)
    return [*path, name] if @namespaces.key?([*path, name])

    superclass = SUPERCLASSES.fetch(match[:superclass]) if match[:superclass]
    keyword = match[:kind] == "module" ? "module" : "class"
    namespace = Namespace.new(keyword, name, superclass, comment(match), [])
    @namespaces.fetch(path).definitions << namespace
    @namespaces[[*path, name]] = namespace
    [*path, name]
  end

  def constant(name)
    raise "no value is known for #{name}" unless name == "VERSION"

    version = File.read(File.expand_path("../Cargo.toml", __dir__))[/^version = "(.+)"$/, 1]
    ["VERSION = #{version.inspect}"]
  end

  def add(path, *lines)
    @namespaces.fetch(path).definitions << lines.flatten
  end

  # A method by a function that another method of the class is by already is an alias.
  def add_method(path, match, source, functions)
    name, scope = match.values_at(:method, :scope)
    return if name == "initialize_copy" # private, as always

    key = [path, scope, match[:function]]
    return add(path, "alias #{name} #{functions[key]}") if functions.key?(key)

    functions[key] = name
    comment, parameters = signature(find(source, match[:function]), match[:arity].to_i)
    add(path, comment, definition("#{"self." if scope == "singleton_"}#{name}", parameters))
  end

  def definition(name, parameters)
    return "def #{name}; end" if parameters.empty?

    line = "def #{name}(#{parameters}); end"
    line.size < 110 ? line : ["def #{name}(", "  #{parameters}", "); end"]
  end

  def find(source, path)
    name, qualifier = path.split("::").reverse
    of_type = qualifier&.match?(/\A[A-Z]/) || false
    source = @sources.find { |other| other.stem == underscore(qualifier) } if qualifier
    source.function(name, of_type: of_type) or raise "there is no function #{path}"
  end

  def underscore(name)
    name.gsub(/(?<=[a-z])(?=[A-Z])/, "_").downcase
  end

  def signature(function, arity)
    comment = comment(function)
    return [comment, names(function).last(arity).join(", ")] unless arity.negative?

    text = comment.join("\n")
    parameters = text.slice!(/^# @overload \w+(?:\([^)]*\))?\n/) or raise "#{function[:name]} has no @overload"
    parameters = parameters[/\((.*)\)/m, 1].to_s.gsub(/\s*\n#\s*/, " ")
    [text.gsub(/^#   @/, "# @").gsub(/^#     /, "#   ").lines(chomp: true), parameters]
  end

  def names(function)
    function[:parameters].split(",").filter_map { |parameter| parameter[/\A\s*_?(\w+):/, 1]&.sub("class", "klass") }
  end

  def comment(match)
    match[:comment].lines(chomp: true).map { |line| line.sub(%r{\A *///?}, "#") }
  end
end
