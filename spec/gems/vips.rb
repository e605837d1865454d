# frozen_string_literal: true

# Pictures loaded, changed and saved with ruby-vips: each image, operation, region, source and target is a
# ManagedStruct, so is each value passed, and strings and pixels that libvips hands over are AutoPointers.

require_relative "program"
require_relative "ledger"
require "stringio"
require "tmpdir"

# What libvips has alive, by its own account.
module Native
  extend FFI::Library

  # Stays loaded to the end, unlike what ffi loads.
  NODELETE = 0x1000
  VIPS = FFI::DynamicLibrary.open("libvips.so.42", FFI::DynamicLibrary::RTLD_LAZY | NODELETE)
  private_constant :NODELETE, :VIPS

  ffi_lib "libvips.so.42", FFI::Library::LIBC
  callback :each, %i[pointer pointer pointer], :pointer
  attach_function :vips_object_map, %i[each pointer pointer], :pointer
  attach_function :vips_tracked_get_allocs, [], :int
  attach_function :vips_tracked_get_mem, [], :size_t
  attach_function :vips_tracked_get_files, [], :int
  attach_function :on_exit, %i[pointer pointer], :int

  def self.account
    objects = 0
    vips_object_map(->(*) { objects += 1 and nil }, nil, nil)
    {objects: objects, allocs: vips_tracked_get_allocs, mem: vips_tracked_get_mem, files: vips_tracked_get_files}
  end

  # libvips reports what is alive, when Ruby is gone.
  def self.report_at_end
    on_exit(VIPS.find_function("vips_shutdown"), nil)
  end
end

# Gets pixels in and out in every way the gem knows. They count from 0 to 63 in each row.
class Editor
  ROW = (0...64).to_a
  HEIGHT = 16
  private_constant :ROW, :HEIGHT

  attr_reader :jobs

  def initialize(directory)
    @directory = directory
    @jobs = %i[files memory transform streams metadata]
  end

  def prepare
    Native.report_at_end
    Vips.leak_set(true)
    # Operations are not kept for the next one that is the same.
    Vips.cache_set_max(0)
    @picture = Vips::Image.xyz(ROW.size, HEIGHT)[0].cast(:uchar).bandjoin([1, 2]).copy_memory
    ledger = Ledger.new(Vips)
    %i[vips_filename_get_filename vips_filename_get_options vips_image_write_to_memory vips_region_fetch].each do |function|
      ledger.returned(:memory, function)
    end
    Ledger.new(GLib::G_FREE).released(:memory, :call)
  end

  def account
    Native.account
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
  end

  def transform(round)
    half = @picture.affine([0.5, 0, 0, 0.5], interpolate: Vips::Interpolate.new(:nearest))
    joined = Vips::Image.arrayjoin([@picture, @picture.invert])
    Program.check(255 / 2.0, joined[0].avg)
    [joined, check_row(ROW.each_slice(2).map(&:first), half), check_row(ROW.reverse, @picture.fliphor),
     check_row(ROW.map { |value| value + round }, @picture + round)]
  end

  def streams(_round)
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
