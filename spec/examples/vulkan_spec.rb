# frozen_string_literal: true

require_relative "comparison"

# Families of Vulkan objects, on the software driver. The validation layer reports
# what is destroyed before its children, twice, or not at all.
RSpec.describe "examples/vulkan" do
  before(:context) { @comparison = ComparisonOutput.new("vulkan") }

  # A family has eight objects, apart from its command buffers.
  {
    "freed by hand, in 84 orders" => 84 * 8,
    "device and below by hand, 720 orders" => 1 + 720 * 7,
    "left to GC" => 5 * 8,
    "left to exit" => 4 * 8,
    "parents by hand, the rest at exit" => 4 * 8
  }.each do |scene, count|
    it "leaves the validation layer with nothing to report: #{scene}" do
      expect(@comparison.with_safe_pointer(scene)).to eq("all #{count} released, once"), @comparison.output
    end
  end

  [
    "freed by hand, in 84 orders",
    "device and below by hand, 720 orders",
    "left to exit",
    "parents by hand, the rest at exit"
  ].each do |scene|
    it "shows that without parents the layer complains: #{scene}" do
      expect(@comparison.with_auto_pointer(scene)).to match(/\AVUID-vk/), @comparison.output
    end
  end

  it "ends well" do
    expect(@comparison.status).to be_success, @comparison.output
  end
end
