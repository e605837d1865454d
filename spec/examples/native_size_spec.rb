# frozen_string_literal: true

require_relative "program"

# 10 GB in blocks of 1 MB that nobody frees by hand, with their size told and
# untold. Peaks are the kernel's figures.
RSpec.describe "examples/native_size" do
  include_context "with the program of an example", "native_size"

  # By the number of other objects, and whether the size is told.
  def rows
    @output.delete(",").scan(/^ *(\d+) +(told|untold) +(\d+) +(\d+) +(\d+) +(\d+) MB/).to_h do |objects, told, *numbers|
      [[Integer(objects), told], %i[made most collections peak].zip(numbers.map { |number| Integer(number) }).to_h]
    end
  end

  [0, 300_000].each do |objects|
    it "needs a fraction of the memory when the size is told, beside #{objects} objects" do
      expect(rows.fetch([objects, "told"])[:peak] * 4).to be < rows.fetch([objects, "untold"])[:peak], @output
    end

    it "gets to the end when the size is told, beside #{objects} objects" do
      expect(rows.fetch([objects, "told"])[:made]).to eq(10_000), @output
    end
  end
end
