# frozen_string_literal: true

require "ffi"
require_relative "ledger"

# What every scene stands on. A scene runs alone in a process, with the base
# class of its pointers as its argument, and tells its story on stdout. Try one:
#
#   ruby -I lib examples/ffi_1126/scenes/libc.rb FFI::AutoPointer
module Stage
  # Exit status of a scene that lacks something (EX_UNAVAILABLE of sysexits.h).
  UNAVAILABLE = 69

  def self.base
    name = ARGV.fetch(0, "SafePointer")
    require "safe_pointer" if name == "SafePointer"
    Object.const_get(name)
  rescue LoadError => e
    unavailable "SafePointer does not load; bin/setup builds it (#{e.message})."
  end

  # What a pointer is told of its family. FFI::AutoPointer knows of none.
  def self.family(**options)
    base.method_defined?(:parent) ? options : {}
  end

  # Tells pointers afterwards whose children they are.
  def self.adopt(parent, *children)
    children.each { |child| child.parent = parent } if base.method_defined?(:parent)
  end

  def self.library(receiver, name, package)
    receiver.extend(FFI::Library)
    receiver.ffi_lib(name)
  rescue LoadError
    missing(name, package)
  end

  def self.missing(what, package)
    unavailable "#{what} is missing: install the Debian package #{package}."
  end

  def self.unavailable(sentence)
    warn sentence
    exit!(UNAVAILABLE)
  end

  # A thread has a machine stack of its own. When it has ended, no stale word there
  # can look like a reference to an object that was used in it.
  def self.forgetting
    Thread.new { yield }.join
    nil
  end

  # Collects garbage until only +kept+ instances of +type+ are left. On fibers: what
  # finalizers leave on the stack goes with them, and it is not that of an earlier thread.
  def self.collect(type, kept: 0)
    10.times do
      Fiber.new { GC.start }.resume
      return if ObjectSpace.each_object(type).count == kept
    end
    Ledger.bad "the garbage collector still sees pointers that nothing refers to"
  end
end
