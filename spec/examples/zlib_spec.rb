# frozen_string_literal: true

require_relative "comparison"

# Streams as structs of the real zlib, which says itself what is a stream when one is
# ended, and gives its memory back through the example.
RSpec.describe "examples/zlib" do
  before(:context) { @comparison = ComparisonOutput.new("zlib") }

  {
    "freed by hand, twice" => 4 * 2,
    "freed by hand, then garbage" => 4 * 2,
    "freed upon an error, then exit" => 4,
    "left to GC" => 20 * 2,
    "left to exit, some unfinished" => 10 * 3
  }.each do |scene, count|
    it "has every stream ended once, and no memory left: #{scene}" do
      expect(@comparison.with_safe_pointer(scene)).to eq("all #{count} released, once"), @comparison.output
    end
  end

  ["freed by hand, twice", "freed by hand, then garbage", "freed upon an error, then exit"].each do |scene|
    it "shows that FFI::ManagedStruct ends streams twice: #{scene}" do
      expect(@comparison.with_auto_pointer(scene)).to match(/released twice/), @comparison.output
    end
  end

  it "ends well" do
    expect(@comparison.status).to be_success, @comparison.output
  end
end
