# frozen_string_literal: true

require "json"

# The crates that Cargo.lock has, as `cargo metadata` describes them.
class Crates
  def self.of(directory, *options)
    command = ["cargo", "metadata", "--locked", "--format-version", "1", *options]
    output = IO.popen(command, chdir: directory, &:read)
    raise "#{command.join(" ")} failed" unless $?.success?

    new(JSON.parse(output))
  end

  attr_reader :metadata

  def initialize(metadata)
    @metadata = metadata
    @packages = metadata.fetch("packages").to_h { |package| [package.fetch("id"), package] }
    @nodes = metadata.fetch("resolve").fetch("nodes").to_h { |node| [node.fetch("id"), node] }
  end

  def named(name)
    @packages.values.find { |package| package["name"] == name } or raise "there is no crate #{name}"
  end

  # What a library is linked from, itself included: not what only runs in the compiler, nor what only tests take.
  def linked(name)
    ids = [named(name)["id"]]
    ids.each { |id| ids.concat(needs(id) - ids) }
    ids.map { |id| @packages.fetch(id) }
  end

  private

  def needs(id)
    normal = @nodes.fetch(id).fetch("deps").select { |dep| dep["dep_kinds"].any? { |kind| kind["kind"].nil? } }
    normal.map { |dep| dep.fetch("pkg") }.reject { |other| macros?(@packages.fetch(other)) }
  end

  def macros?(package)
    package.fetch("targets").any? { |target| target.fetch("kind").include?("proc-macro") }
  end
end
