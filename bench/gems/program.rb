# frozen_string_literal: true

require "ffi"
require "json"

# What the programs of this directory have in common. Each does the work of a user of one library, in a process of its
# own. Its first argument says whether FFI::AutoPointer is that of ffi, `stock`, or `replaced`. At its end it prints
# JSON.
module Program
  # Exit status of a program that lacks something (EX_UNAVAILABLE of sysexits.h).
  UNAVAILABLE = 69

  class << self
    # Calls the block, which does the work and returns the title of the program and what it has worked out.
    def run(feature = nil)
      require "safe_pointer/auto_pointer" if ARGV.shift == "replaced"
      load_gem(feature) if feature
      title, answer = yield(*ARGV)
      puts JSON.generate("title" => title, "answer" => answer, "pointers" => pointers, "peak" => peak)
    end

    private

    def load_gem(feature)
      require feature
    rescue LoadError => error
      raise unless error.path == feature

      exit!(UNAVAILABLE)
    end

    # How many there have been. Nothing counts those of ffi.
    def pointers
      SafePointer.stats[:created] if defined?(SafePointer)
    end

    # The most bytes of memory it had at once.
    def peak
      File.read("/proc/self/status")[/VmHWM:\s+(\d+)/, 1].to_i * 1024
    end
  end
end
