# frozen_string_literal: true

# Writes down each handle and each call of its C destructor at once and
# unbuffered: the line stands even if that call is the one that crashes.
module Ledger
  @handles = {}

  def self.made(pointer)
    @handles[pointer.address] = @handles.size + 1
    write "made #{@handles[pointer.address]}"
    pointer
  end

  # Call it right before the C destructor.
  def self.released(pointer)
    write "released #{@handles.fetch(pointer.address)}"
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
