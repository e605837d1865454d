# frozen_string_literal: true

require_relative "program"

# Vulkan objects that loaders and a render thread leave to GC, on the software
# driver. The validation layer reports what is destroyed while the GPU uses it.
RSpec.describe "examples/render_queue" do
  loaders = ["loader 1", "loader 2", "loader 3"]
  worker = "SafePointer::ReleaseQueue"

  include_context "with handles that are pointers"
  include_context "with the program of an example", "render_queue"

  # The numbers of a column, by title of the row.
  def column(way)
    place = { no_queue: 0, own_thread: 1, drained: 2 }.fetch(way)
    @output.scan(/^(\S.*?) {2,}(\d+|-) +(\d+|-) +(\d+|-)$/).to_h do |title, *cells|
      [title, Integer(cells[place], exception: false)]
    end
  end

  def made(way) = column(way).sum { |title, number| title.start_with?("made by ") ? number : 0 }

  # Where anything was released before exit, and how much.
  def released(way)
    column(way).filter_map { |title, number| [title[/ on (.*)/, 1], number] if title.start_with?("released on ") }
               .to_h.select { |_, number| number.positive? }
  end

  it "has all threads make objects" do
    expect(column(:drained).values_at("made by render", *loaders.map { |name| "made by #{name}" }))
      .to eq([20 + 3, 140, 140, 140]), @output
  end

  it "has the render thread release everything that waits in the queue it drains" do
    expect(released(:drained).keys).to eq(["render"]), @output
  end

  it "has the render thread release at exit what it had no time for" do
    expect(column(:drained)["released at exit, on render"])
      .to eq(made(:drained) - released(:drained).fetch("render")).and(be_positive), @output
  end

  it "tells by the high-water mark that more comes in than is drained" do
    expect(column(:drained)["most waiting in the queue at once"]).to be > 20, @output
  end

  it "leaves the validation layer with nothing to report" do
    expect(column(:drained)["rules broken, says the validation layer"]).to eq(0), @output
  end

  it "has a queue's own thread release everything before exit" do
    expect(released(:own_thread).keys).to eq([worker]), @output
  end

  it "shows that without a queue loaders release" do
    expect(released(:no_queue).keys & loaders).not_to be_empty, @output
  end

  # The driver may crash over it before the layer has said so.
  it "shows that without a queue the GPU still uses what is destroyed" do
    expect(@output).to match(/^no queue: VUID-vk\w+-\w+-\d+$/).or(match(/^how the process ended +killed by /)), @output
  end
end
