# frozen_string_literal: true

require "open3"
require "rbconfig"
require_relative "program"
require_relative "source"
require_relative "generator"

# That bin/fuzz notices what goes wrong: each fault here is planted on purpose, in Ruby (see plants/).
# It runs interpreters of its own, which know nothing of GC levels.
RSpec.describe "bin/fuzz", if: GCLevel::CURRENT == "normal" do
  def ruby = [RbConfig.ruby, *$LOAD_PATH.map { |path| "-I#{path}" }]

  def fuzz(*options)
    output, status = Open3.capture2e(*ruby, File.join(__dir__, "run.rb"), "--faults", "1", "--jobs", "1", *options)
    [output, status.success?]
  end

  # Of the first program that failed, as it was shrunk.
  def steps(output)
    output.split(/^fault: /).fetch(1).scan(/^ *step\(\d+\)/).size
  end

  # The first program has neither threads nor fibers: what fails does so each time, and can be made as short as it gets.
  {
    "guard_off" => [11, /came to|released_twice/], "detach_releases" => [39, /not_now|released_too_often/],
    "no_parent" => [14, /came to =nil|order/], "leak" => [14, /never_released/],
    "no_lease" => [564, /released_in_use|came to/], "wrong_result" => [950, /came to =false/],
    "stuck" => [39, /no_progress: idle/]
  }.each do |plant, (seed, fault)|
    it "finds #{plant.tr("_", " ")}, and shrinks the program" do
      output, fine = fuzz("--seed", seed.to_s, "--programs", "300", "--plant", plant)
      expect(fine).to be(false), output
      expect(output).to match(/^fault: .*#{fault}/).and match(/^again: .*--seed \d+ --programs 1 --plant #{plant}$/)
      expect(steps(output)).to be_between(1, 8), output
    end
  end

  it "finds that FFI::AutoPointer releases twice" do
    output, fine = fuzz("--seed", "1", "--programs", "300", "--on", "autopointer", "--faults", "3")
    expect(fine).to be(false), output
    expect(output).to match(/^fault: released_twice: oracle: one release too many/)
  end

  it "prints a script that fails by itself" do
    output, = fuzz("--seed", "4", "--programs", "1", "--on", "autopointer")
    script = output[/^# released_twice.*?(?=^# (?:said|log):)/m]
    output, status = Open3.capture2e(*ruby, "-e", script)
    expect(status.termsig).to eq(Signal.list["ABRT"]), output
    expect(output).to include("one release too many")
  end

  it "makes the same program of the same seed" do
    sources = Array.new(2) { |_| Array.new(50) { |seed| Fuzz::Generator.new(seed).program.source } }
    expect(sources.uniq.size).to eq 1
    expect(sources.first.uniq.size).to eq 50
  end

  # What it has found, in the library or in its own model. A generator that has changed makes other programs of a seed.
  {
    374_174_272 => "a limit of files within another", 2_615_308_739 => "a fiber that stays where there are few files",
    1_929_714_347 => "a throw in the place of a timeout", 2_627_734_950 => "a pointer made in the midst of a step",
    2_903_669_377 => "an owner that is dropped at the end of the stack",
    818_267_955 => "a release that frees another, whose free stays in its fiber",
    4_091_591_104 => "a thread that ends in a release of the queue that it drains"
  }.each do |seed, found|
    it "has nothing to say of #{found} any more" do
      output, fine = fuzz("--seed", seed.to_s, "--programs", "1")
      expect(fine).to be(true), output
    end
  end

  it "has nothing to say of the library as it is" do
    output, fine = fuzz("--seed", "1", "--programs", "100")
    expect(fine).to be(true), output
  end
end
