# frozen_string_literal: true

# Writes down each handle and each call of its C destructor at once and
# unbuffered: the line stands even if that call is the one that crashes.
module Ledger
  @handles = {} # by address, which a later handle may have again
  @count = 0
  @released = {}

  def self.made(pointer)
    @handles[pointer.address] = @count += 1
    @released.delete(pointer.address)
    write "made #{@count}"
    pointer
  end

  # Call it right before the C destructor.
  def self.released(pointer)
    @released[pointer.address] = true
    write "released #{@handles.fetch(pointer.address)}"
  end

  # Whether what is at this address has been given to its destructor.
  def self.released?(pointer)
    @released.key?(pointer.address)
  end

  # To be called where nothing may be left to GC or exit any more.
  def self.expect_none_left
    left = @handles.size - @released.size
    bad "#{left} left" unless left.zero?
  end

  def self.good(finding) = write("good: #{finding}")
  def self.bad(finding)  = write("bad: #{finding}")

  def self.check(truth, good, bad)
    truth ? good(good) : bad(bad)
  end

  def self.write(line)
    $stdout.syswrite("#{line}\n")
  end
  private_class_method :write
end
