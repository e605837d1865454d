# frozen_string_literal: true

# What sig/ says of each method of the library: the parameters of each of its forms, in the form of Method#parameters.
# A script for a process of its own.

require "json"
require_relative "signatures"

def parameters(function)
  given = { "req" => function.required_positionals + function.trailing_positionals,
            "opt" => function.optional_positionals, "rest" => [*function.rest_positionals],
            "keyrest" => [*function.rest_keywords] }
  given.flat_map { |kind, list| list.map { |parameter| [kind, parameter.name&.to_s] } } +
    function.required_keywords.keys.map { |name| ["keyreq", name.to_s] } +
    function.optional_keywords.keys.map { |name| ["key", name.to_s] }
end

# Those that a module has of its own; `new` is for RBS what `initialize` says.
def own(definition, type_name, separator)
  methods = definition.methods.select { |_, method| method.defs.any? { |one| one.implemented_in == type_name } }
  methods.to_h do |name, method|
    ["#{type_name.relative!}#{separator}#{name}", method.method_types.map { |type| parameters(type.type) }]
  end
end

puts JSON.generate(Signatures.type_names.map { |name|
  own(Signatures.builder.build_instance(name), name, "#")
    .merge(own(Signatures.builder.build_singleton(name), name, "."))
}.reduce(:merge))
