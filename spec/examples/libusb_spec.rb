# frozen_string_literal: true

require_relative "program"

# A Releaser whose owner is not a pointer, with the real libusb. The example says
# by libusb's own log what became of each device.
RSpec.describe "examples/libusb" do
  include_context "with the program of an example", "libusb"

  # The column of SafePointer::Releaser, by the address of the device.
  def destroyed
    @output.scan(/^(\d+\.\d+) .* {2}(\S.*)$/).to_h
  end

  it "has every device destroyed once, when its last reference is given back" do
    expect(destroyed).to eq(
      "1.1" => "by libusb_exit",
      "1.2" => "by libusb_exit",
      "1.3" => "at close",
      "1.4" => "by libusb_exit",
      "1.5" => "by libusb_exit",
      "1.6" => "by libusb_exit",
      "1.7" => "at GC",
      "1.8" => "by libusb_exit",
      "1.9" => "at exit"
    ), @output
  end

  # What comes after that, in memory that libusb has freed, may end the process before GC.
  it "shows that closing twice by hand gives back libusb's own reference" do
    expect(@output).to match(/^1\.4 .* at close: too early /)
  end
end
