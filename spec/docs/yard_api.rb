# frozen_string_literal: true

# What `yard stats --list-undoc` says, and what yard knows of each module and method: whether it shows it, and the
# parameters, in the form of Method#parameters. A script for a process of its own: yard changes Ruby's classes.

require "json"
require "stringio"
require "yard"

def parameter((name, default))
  case name
  when "..." then [%w[rest *], %w[keyrest **]]
  when /\A\*\*/ then [["keyrest", name[2..]]]
  when /\A\*/ then [["rest", name[1..]]]
  when /\A&/ then [["block", name[1..]]]
  when /:\z/ then [[default ? "key" : "keyreq", name[0..-2]]]
  else [[default ? "opt" : "req", name]]
  end
end

output = StringIO.new
YARD::Logger.instance.io = output
stats = YARD::CLI::Stats.new
stats.run("--list-undoc", "--no-save", "--no-cache")
shown = stats.all_objects

# An alias has those of the method it stands for.
def parameters(method)
  name = method.namespace.aliases[method]
  return parameters(method.namespace.child(name: name, scope: method.scope)) if name

  method.parameters.flat_map { |entry| parameter(entry) }
end

puts JSON.generate(
  output: output.string,
  shown: shown.map(&:path),
  parameters: YARD::Registry.all(:method).to_h { |method| [method.path, parameters(method)] }
)
