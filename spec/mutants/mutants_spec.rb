# frozen_string_literal: true

require "json"
require "open3"
require "rbconfig"
require "tmpdir"
require_relative "command"

# That the list of bin/mutants fits the tree, and that the command can tell what is caught. It is run itself now and then.
RSpec.describe "bin/mutants", if: GCLevel::CURRENT == "normal" do
  root = Mutants::Command::ROOT
  mutations = Mutants::Mutation.all
  barriers = Mutants::Mutation.of(File.join(root, "spec/memory/barriers.yml"))

  def mutation(**parts)
    entry = { "name" => "one", "breaks" => "it", "file" => "a.rb", "text" => "a", "put" => "b", "caught_by" => "fuzz" }
    Mutants::Mutation.new("area", entry.merge(parts.transform_keys(&:to_s)))
  end

  [*mutations, *barriers].group_by(&:file).each do |file, those|
    it "has mistakes for #{file}, each in one place of it" do
      source = File.read(File.join(root, file))
      those.each { |one| expect(one.apply(source)).not_to eq source }
    end
  end

  it "has a name for each" do
    expect(mutations.map(&:name).tally.select { |_, count| count > 1 }).to be_empty
  end

  it "names specs that exist, and examples that are in them" do
    named = mutations.reject(&:fuzz?)
    output, = Open3.capture2("rspec", "--dry-run", "--format", "json", *named.map(&:spec).uniq, chdir: root)
    examples = JSON.parse(output[/^\{.*/]).fetch("examples").group_by { |one| one["file_path"].delete_prefix("./") }
    unmatched = named.reject do |one|
      examples.fetch(one.spec, []).any? { |example| example["full_description"].include?(one.filter.to_s) }
    end
    expect(unmatched.map { |one| "#{one.name}: #{one.caught_by}" }).to be_empty
  end

  it "puts text of several lines as far in as what it replaces" do
    several = mutation(text: "one\n  two\n", put: "three\n\n  four\n")
    expect(several.apply("  zero\n    one\n      two\n  five\n")).to eq "  zero\n    three\n\n      four\n  five\n"
  end

  it "says so where the text is not there, or in several places" do
    expect { mutation.apply("c") }.to raise_error(Mutants::Error, "area/one: its text is 0 times in a.rb")
    expect { mutation.apply("ada") }.to raise_error(Mutants::Error, "area/one: its text is 2 times in a.rb")
  end

  describe "takes a spec" do
    def judge(source)
      Dir.mktmpdir do |directory|
        File.write(File.join(directory, "a_spec.rb"), source)
        Mutants::SpecTrial.new(directory, File.join(directory, "log")).run("a_spec.rb", ["does"])
      end
    end

    def example(body) = %(RSpec.describe("it") { it("does") { #{body} } })

    it "that passes for one that has not caught it" do
      expect(judge(example("expect(1).to eq 1"))).to eq Mutants::Result.survived("1 examples")
    end

    it "that fails for one that has" do
      expect(judge(example("expect(1).to eq 2"))).to eq Mutants::Result.caught("1 of 1 examples failed")
    end

    it "that crashes for one that has" do
      expect(judge(example("Process.kill(:ABRT, Process.pid); sleep"))).to eq Mutants::Result.caught("crashed by signal ABRT")
    end

    it "that stands still for one that has" do
      stub_const("Mutants::Trial::CHECKS", 3)
      expect(judge(example("sleep"))).to eq Mutants::Result.caught("no progress: idle")
    end

    it "that cannot be loaded, has no such example, or was ended by somebody, for no answer" do
      expect { judge("nonsense") }.to raise_error(Mutants::Error, /no example has been run/)
      expect { judge(%(RSpec.describe("it") { it("is") {} })) }.to raise_error(Mutants::Error, /no example has been run/)
      expect { judge(example("Process.kill(:KILL, Process.pid)")) }.to raise_error(Mutants::Error, /no example has been run/)
    end
  end
end
