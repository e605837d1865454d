# frozen_string_literal: true

require "ffi"

# What libvips has alive, by its own account.
module VipsAccount
  extend FFI::Library

  # Stays loaded to the very end, unlike what ffi loads.
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

  class << self
    def to_h
      objects = 0
      vips_object_map(->(*) { objects += 1 and nil }, nil, nil)
      {objects: objects, allocs: vips_tracked_get_allocs, mem: vips_tracked_get_mem, files: vips_tracked_get_files}
    end

    # Has libvips say what is alive when Ruby has gone.
    def report_at_end
      on_exit(VIPS.find_function("vips_shutdown"), nil)
    end
  end
end
