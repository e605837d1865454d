# frozen_string_literal: true

require "tmpdir"
require_relative "png_file"
require_relative "program"

# A picture from a compute shader on the software driver, whose objects are left to
# GC. It is read here apart from the example's own code.
RSpec.describe "examples/vulkan_png" do
  include_context "with handles that are pointers"

  before(:context) do
    Dir.mktmpdir do |dir|
      path = File.join(dir, "picture.png")
      @output, @status = ExampleProgram.run("vulkan_png", path)
      raise @output unless File.exist?(path)

      @png = PNGFile.new(path)
    end
  end

  # The point that a pixel stands for.
  def point(column, row)
    Complex(Rational(column * 3, 320) - Rational(9, 4), Rational(row * 9, 240 * 4) - Rational(9, 8))
  end

  # How often z * z + c is taken until |z| is more than 2. Without rounding, so for few steps only: the numbers
  # double in length each time.
  def steps(c)
    z = steps = 0
    z, steps = (z * z) + c, steps + 1 until z.abs2 > 4
    steps
  end

  it "makes a PNG file of 320 x 240 pixels with 8 bits of red, green, blue and alpha" do
    expect(@png.types).to eq %w[IHDR IDAT IEND]
    expect(@png.header).to eq [320, 240, 8, 6, 0, 0, 0]
    expect(@png.rows.map(&:size)).to eq [320] * 240
  end

  { [0, 0] => 1, [20, 120] => 1, [80, 0] => 2, [160, 0] => 3, [100, 60] => 3, [240, 0] => 4, [200, 20] => 5 }
    .each do |(column, row), expected|
    it "has the color of #{expected} steps at #{column}, #{row}" do
      expect(steps(point(column, row))).to be expected
      expect(@png.rows[row][column]).to eq [expected * 4, expected * expected / 16, 255 - expected * 3, 255]
    end
  end

  # A quarter around -1, which is known to be in the set.
  it "is black within the disc of period two" do
    columns = (0...320).select { |column| (point(column, 110) + 1).abs2 < Rational(1, 16) }
    expect(columns.size).to be > 30
    expect(columns.map { |column| @png.rows[110][column] }.uniq).to eq [[0, 0, 0, 255]]
  end

  it "has many more colors, in one row alone" do
    expect(@png.rows[90].uniq.size).to be > 10
  end

  it "has every kind of object, released once" do
    expect(@output[/^objects:\n((?:  .*\n)+)/, 1].split).to eq(
      %w[Buffer CommandBuffer CommandPool DescriptorPool DescriptorSet DescriptorSetLayout Device Fence Instance
         Memory Pipeline PipelineLayout ShaderModule]
    ), @output
    expect(@output).to include "released once by GC: 11 of 11, and 2 with their pools\n"
  end

  it "leaves the validation layer with nothing to report" do
    expect(@output).to include "validation layer: nothing to report\n"
  end

  it "ends well" do
    expect(@status).to be_success, @output
  end
end
