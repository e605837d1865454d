# frozen_string_literal: true

require "open3"
require "rbconfig"
require_relative "program"
require_relative "source"
require_relative "torture/document"
require_relative "torture/generator"

# That bin/torture counts what goes wrong: each fault here is planted on purpose, in Ruby (see plants/).
RSpec.describe "bin/torture", if: GCLevel::CURRENT == "normal" do
  def torture(*options)
    output, status = Open3.capture2e(RbConfig.ruby, *$LOAD_PATH.map { |path| "-I#{path}" },
                                     File.join(__dir__, "torture/run.rb"), "--jobs", "1", *options)
    [output, status.success?]
  end

  # Its numbers: programs, released twice, leaked, crashed, without progress, cut off.
  def row(output, name) = output[/^\| #{name} \| (.*) \|$/, 1].split(" | ").map(&:to_i)

  it "finds that FFI::AutoPointer releases twice, and that SafePointer does not" do
    output, fine = torture("--seed", "1", "--programs", "20")
    expect(fine).to be(true), output
    # What else befalls those is none of our doing.
    programs, twice, = row(output, "FFI::AutoPointer")
    expect(programs).to eq(20), output
    expect(twice).to be_between(3, 17), output
    expect(output.scan(/^\| (?:its|neither).* \| (\d+) \|$/).flatten.sum(&:to_i)).to eq twice
    ["SafePointer", "FFI::AutoPointer, replaced in place"].each do |name|
      expect(row(output, name).take(5)).to eq([20, 0, 0, 0, 0]), output
    end
  end

  # The seeds are of programs that fail whatever the threads do.
  {
    "guard_off" => [1, 10], "never_released" => [2, 10], "discarded" => [2, 5], "crash" => [3, 10], "stuck_free" => [4, 10]
  }.each do |plant, (column, seed)|
    it "counts #{plant.tr("_", " ")}, and says how to run it again" do
      output, fine = torture("--seed", seed.to_s, "--programs", "1", "--plant", plant)
      expect(fine).to be(false), output
      expect(row(output, "SafePointer")).to eq(Array.new(6) { |at| [0, column].include?(at) ? 1 : 0 }), output
      expect(output).to include("again: bin/torture --seed #{seed} --programs 1 --plant #{plant}\n")
    end
  end

  it "has the same programs on all of them" do
    20.times do |seed|
      auto, safe, replaced = %i[auto safe replaced].map { |on| Fuzz::Torture::Generator.new(seed, on: on).program.source }
      expect(safe.gsub("SafePointer", "FFI::AutoPointer")).to eq auto
      expect(replaced).to eq %(step(0) { require "safe_pointer/auto_pointer" }\n#{auto})
    end
  end

  it "finds the place in the README for the table of Ruby 3.3" do
    readme = Fuzz::Torture::Document.new(File.read(Fuzz::Torture::Document::README, encoding: "UTF-8"))
    expect(%w[3.1 3.3].map { |version| readme.place_for?(version) }).to eq [false, true]
  end

  it "publishes the table of one Ruby, and leaves the others" do
    text = "<!-- ruby3.1 -->\n\nold\n\n<!-- end -->\n\n<!-- ruby3.3 -->\n\nother\n\n<!-- end -->\n"
    published = Fuzz::Torture::Document.new(text).insert("3.1", "new\n")
    expect(published).to eq text.sub("old", "new")
  end
end
