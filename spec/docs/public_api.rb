# frozen_string_literal: true

# What the library has, by reflection: its modules, and the parameters (as Method#parameters shows them) of each public
# method, by its path ("SafePointer#free", "SafePointer.open"). A script for a process of its own, that has loaded all
# there is to load and nothing else.

require "json"
require "safe_pointer/auto_pointer"

# Those that can be reached by name.
def modules(outer)
  inner = outer.constants(false).map { |name| outer.const_get(name) }.grep(Module)
  [outer, *inner.select { |mod| mod.name.start_with?("#{outer}::") }.flat_map { |mod| modules(mod) }]
end

def methods_of(mod)
  names = mod.public_instance_methods(false) | (mod.private_instance_methods(false) & [:initialize])
  instance = names.to_h { |name| ["#{mod}##{name}", mod.instance_method(name).parameters] }
  singleton = mod.singleton_methods(false).to_h { |name| ["#{mod}.#{name}", mod.method(name).parameters] }
  instance.merge(singleton)
end

found = modules(SafePointer)
puts JSON.generate(modules: found.map(&:name), methods: found.map { |mod| methods_of(mod) }.reduce(:merge))
