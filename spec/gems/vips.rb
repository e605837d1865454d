# frozen_string_literal: true

# Pictures loaded, changed and saved with ruby-vips: each image, operation, region, source and target is a
# ManagedStruct, so is each value passed, and strings and pixels that libvips hands over are AutoPointers.

require_relative "program"
require_relative "ledger"
require "stringio"
require "tmpdir"

# Gets pixels in and out in every way the gem knows. They count from 0 to 63 in each row.
class Editor
  ROW = (0...64).to_a
  HEIGHT = 16
  private_constant :ROW, :HEIGHT

  attr_reader :jobs

  def initialize(directory)
    @directory = directory
    @jobs = %i[files memory transform callbacks metadata]
  end

  def prepare
    require_relative "vips_account"
    VipsAccount.report_at_end
    Vips.leak_set(true)
    # Operations are not kept for the next one that is the same.
    Vips.cache_set_max(0)
    @picture = Vips::Image.xyz(ROW.size, HEIGHT)[0].cast(:uchar).bandjoin([1, 2]).copy_memory
    ledger = Ledger.new(Vips)
    ledger.returned(:memory, :vips_filename_get_filename)
    ledger.returned(:memory, :vips_filename_get_options)
    ledger.returned(:memory, :vips_image_write_to_memory)
    ledger.returned(:memory, :vips_region_fetch)
    Ledger.new(GLib::G_FREE).released(:memory, :call)
  end

  def account
    VipsAccount.to_h
  end

  def files(round)
    %w[png v].map do |format|
      path = File.join(@directory, "#{round}.#{format}")
      @picture.write_to_file(path)
      check_row(ROW, Vips::Image.new_from_file(path))
    end
  end

  def memory(_round)
    pixels = @picture.write_to_memory
    Program.check(ROW.size * HEIGHT * 3, pixels.bytesize)
    image = Vips::Image.new_from_memory(pixels, ROW.size, HEIGHT, 3, :uchar)
    check_row(ROW, Vips::Image.new_from_buffer(image.write_to_buffer(".png[compression=1]"), ""))
    target = Vips::Target.new_to_memory
    image.write_to_target(target, ".png")
    source = Vips::Source.new_from_memory(target.get("blob"))
    [target, check_row(ROW, Vips::Image.new_from_source(source, ""))]
  end

  def transform(round)
    half = @picture.affine([0.5, 0, 0, 0.5], interpolate: Vips::Interpolate.new(:nearest))
    joined = Vips::Image.arrayjoin([@picture, @picture.invert])
    Program.check(255 / 2.0, joined[0].avg)
    [joined, check_row(ROW.each_slice(2).map(&:first), half), check_row(ROW.reverse, @picture.fliphor),
     check_row(ROW.map { |value| value + round }, @picture + round)]
  end

  def callbacks(_round)
    saved = StringIO.new
    target = Vips::TargetCustom.new
    target.on_write { |chunk| saved.write(chunk) }
    @picture.write_to_target(target, ".png")
    saved.rewind
    source = Vips::SourceCustom.new
    source.on_read { |length| saved.read(length) || +"" }
    [target, check_row(ROW, Vips::Image.new_from_source(source, ""))]
  end

  def metadata(round)
    image = @picture.mutate do |mutable|
      mutable.set_type!(GObject::GSTR_TYPE, "spec-name", "round #{round}")
      mutable.set_type!(Vips::ARRAY_INT_TYPE, "spec-numbers", [round, 2, 3])
      mutable.set_type!(Vips::BLOB_TYPE, "spec-blob", "\0#{round}")
    end
    fields = %w[spec-name spec-numbers spec-blob].map { |name| image.get(name) }
    Program.check(["round #{round}", [round, 2, 3], "\0#{round}"], fields)
    image
  end

  private

  def check_row(expected, image)
    pixels = Vips::Region.new(image.cast(:uchar)).fetch(0, image.height - 1, image.width, 1)
    Program.check(expected, pixels.unpack("C*").each_slice(image.bands).map(&:first))
    image
  end
end

Dir.mktmpdir { |directory| Program.run("vips", Editor.new(directory), rounds: 30) }
