# frozen_string_literal: true

require "rbconfig"
require "tmpdir"
require_relative "needs"

# A run of devices.rb with one class of owners, as libusb's log tells it.
class Trial
  PROGRAM = File.expand_path("devices.rb", __dir__)
  LIB = File.expand_path("../../lib", __dir__)
  PATIENCE = 20 # seconds; a corrupted heap may also hang

  def initialize(owner)
    @owner = owner
    @destroyed = Hash.new { |hash, address| hash[address] = [] }
    @referenced = []
  end

  def run
    # What umockdev leaves behind when the process crashes goes with the directory.
    Dir.mktmpdir do |dir|
      log = File.join(dir, "log")
      @status = wait(start(dir, log))
      read(File.read(log).scrub.lines(chomp: true))
    end
    self
  end

  # The moments at which libusb destroyed the device, in words. One is right.
  def destroyed(address)
    @destroyed.fetch(address, [])
  end

  # Whether libusb_exit found that somebody still referred to the device.
  def referenced?(address)
    @referenced.include?(address)
  end

  def success?
    @status.success? == true
  end

  # The sentence that says what is missing, or nil.
  def unavailable
    @complaint if @status.exitstatus == Needs::UNAVAILABLE
  end

  def ending
    return "did not end" if @hung

    @status.signaled? ? "killed by SIG#{Signal.signame(@status.termsig)}" : "exit #{@status.exitstatus}"
  end

  # The first line on stderr that is not libusb's, or nil.
  attr_reader :complaint

  private

  def start(dir, log)
    Process.spawn({ "LIBUSB_DEBUG" => "4", "TMPDIR" => dir },
                  "umockdev-wrapper", RbConfig.ruby, "-I", LIB, PROGRAM, @owner, err: log, rlimit_core: 0)
  rescue Errno::ENOENT
    Needs.missing("umockdev-wrapper", "umockdev")
  end

  def wait(pid)
    waiter = Process.detach(pid)
    unless waiter.join(PATIENCE)
      @hung = true
      Process.kill(:KILL, pid)
    end
    waiter.value
  end

  def read(log)
    moment = "too soon"
    log.each do |line|
      case line
      when /\A== (.*)/ then moment = $1
      when /destroy device (\d+\.\d+)/ then @destroyed[$1] << moment
      when /\[libusb_exit\] device (\d+\.\d+) still referenced/ then @referenced << $1
      when /\[libusb_exit\]/ then moment = "by libusb_exit"
      when /\A(\[.+?\] \[|-+\z)/ then next # all else that libusb says
      else @complaint ||= line
      end
    end
  end
end
