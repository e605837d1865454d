# frozen_string_literal: true

require "open3"
require "rbconfig"
require "tmpdir"
require_relative "claims"
require_relative "code_blocks"
require_relative "worlds"

RSpec.describe "The code in the documents" do
  # Runs the Ruby blocks, one after the other, each within its world.
  def run_blocks(blocks)
    parts = blocks.flat_map do |block|
      world = WORLDS.of(block)
      [part(world.before, "before #{block.file}"), part(Claims.enforced(block), block.file, block.line),
       part(world.after, "after #{block.file}")]
    end
    count = blocks.sum { |block| Claims.count(block.code) }
    run_ruby("require #{File.join(__dir__, "claims").dump}\n#{parts.join}Claims.all_kept(#{count})\n")
  end

  def part(code, file, line = 1)
    code ? "eval(#{code.dump}, TOPLEVEL_BINDING, #{file.dump}, #{line})\n" : ""
  end

  def run_shell(block, files)
    Dir.mktmpdir do |directory|
      files.each { |name, text| File.write(File.join(directory, name), text) }
      environment = { "RUBYLIB" => $LOAD_PATH.join(File::PATH_SEPARATOR),
                      "PATH" => "#{RbConfig::CONFIG["bindir"]}#{File::PATH_SEPARATOR}#{ENV.fetch("PATH")}" }
      Open3.capture2e(environment, "sh", "-eu", "-c", block.code, chdir: directory)
    end
  end

  # Without what differs from run to run, and how a backtrace names a method, which differs from Ruby to Ruby.
  def masked(output)
    output.gsub(/\b0x(\h{8}|\h{16})\b/, "0x<address>").gsub(/ process \d+/, " process <id>").gsub(/ +\d+ GCs/, " <n> GCs")
          .gsub(/:in [`'].+'/, ":in <method>")
  end

  blocks = CodeBlocks.all

  it "is all there, each with a world to run in, and no world without" do
    expect(blocks.map { |block| WORLDS.key(block) }).to match_array WORLDS.keys
  end

  blocks.select { |block| block.language == "ruby" }.each do |block|
    it "runs, and does as it says: #{block}" do
      world = WORLDS.of(block) or raise "this block has no world in spec/docs/worlds"
      child = run_blocks(WORLDS.followed(block, blocks))
      expect(child.signal).to eq(world.signal), child.inspect
      expect(child).to be_quiet, child.inspect unless world.signal || world.stderr
      expect(child.stderr).to match(world.stderr) if world.stderr
      expect(child.events).to eq(world.events), child.inspect
    end
  end

  blocks.select { |block| block.language == "sh" }.each do |block|
    it "runs: #{block}" do
      world = WORLDS.of(block) or raise "this block has no world in spec/docs/worlds"
      if world.files
        output, status = run_shell(block, world.files)
        expect(status).to be_success, output
        expect(masked(output)).to eq masked(block.printed || world.output)
      else
        # Too long to run here, or not to be run on this machine: something else runs each command.
        block.code.each_line do |line|
          file, text = world.run_by.fetch(line.sub(/#.*/, "").strip)
          expect(File.read(File.join(CodeBlocks::ROOT, file))).to include text
        end
      end
    end
  end

  it "is Ruby or shell, and text is what a shell block prints" do
    expect(blocks.map(&:language) - %w[ruby sh]).to be_empty
  end
end
