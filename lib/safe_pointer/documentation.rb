# frozen_string_literal: true

# What the extension defines in Rust, for yard, ri and editors. Made by `rake doc:stubs`; nothing loads it.
return

class SafePointer < FFI::Pointer
  # Of the gem.
  VERSION = "0.1.0"

  # Takes ownership of the memory a raw pointer points to.
  #
  # What releases it is the first there is of: `callable`, the class method `release`, the block.
  #
  # @param pointer [FFI::Pointer] the release is given this very object
  # @param callable [#call, nil]
  # @param parent [SafePointer, FFI::Struct, SafePointer::Releaser, nil] is released after this pointer
  # @param freed_by_parent [Boolean] whether the parent's release frees this pointer too: it is marked released then,
  #   without a call
  # @param size [Integer] of the native memory, in bytes; see {#size=}
  # @param fork_policy [:release, :discard, nil] that of the class if it is nil; see {Fork::Policy#fork_policy}
  # @param release_queue [SafePointer::ReleaseQueue, nil] that of the class if it is nil
  # @yieldparam pointer [FFI::Pointer]
  # @raise [TypeError] if `pointer` is no FFI::Pointer, or one that owns its memory already, or an option is of
  #   another type
  # @raise [ArgumentError] if an option has no such value, or `freed_by_parent` is given without a parent
  # @raise [RuntimeError] if `callable` does not answer `call`, or there is nothing to release with, or
  #   this object is initialized already
  # @raise [SafePointer::ReleasedError] if the parent is released, or is going to be
  def initialize(
    pointer, callable = nil, parent: nil, freed_by_parent: false, size: 0, fork_policy: nil, release_queue: nil
  ); end

  # Called by ffi where an object of this class is passed to a function.
  #
  # @param value [SafePointer, Object] the argument
  # @param ctx [Object] of no concern
  # @return [Object] the argument
  # @raise [SafePointer::ReleasedError] if it is released
  def self.to_native(value, ctx); end

  # Called by ffi to make an object of this class of what a function has returned.
  #
  # @param value [FFI::Pointer]
  # @param ctx [Object] of no concern
  # @return [SafePointer] of this class
  def self.from_native(value, ctx); end

  # The type under which ffi passes objects of this class.
  #
  # @return [FFI::Type]
  # @raise [RuntimeError] if the class has no `release`
  def self.native_type; end

  # Keeps the release off while the block runs. A `free` meanwhile, on this or another thread, returns at once; the
  # release is carried out when the last lease ends, on the thread that ends it.
  #
  # A lease belongs to the fiber that took it. That fiber can take another one within it, and so can the class's own `free`.
  # The lease of a fiber that is never resumed ends when the fiber is collected.
  #
  # @yieldparam raw [FFI::Pointer] the object that was wrapped
  # @return [Object] what the block returns
  # @raise [LocalJumpError] if there is no block
  # @raise [SafePointer::ReleasedError] if the pointer is released or detached, or its release waits for leases of other fibers
  def use; end

  # The pointer that this one must be released before, as it was given. `nil` where there is none, or none any more.
  #
  # @return [SafePointer, FFI::Struct, SafePointer::Releaser, nil]
  def parent; end

  # Has this pointer be released before `parent`, and no longer before the one it had.
  #
  # @param parent [SafePointer, FFI::Struct, SafePointer::Releaser, nil]
  # @return [SafePointer, FFI::Struct, SafePointer::Releaser, nil] the same
  # @raise [TypeError] if it is something else
  # @raise [ArgumentError] if it is this pointer, or descends from it
  # @raise [SafePointer::ReleasedError] if either is released, or is going to be
  # @raise [RuntimeError] if this pointer is freed by its parent
  # @raise [FrozenError] if this pointer is frozen
  def parent=(parent); end

  # How much native memory the release gives back, in bytes, as it was said with `size:` or `size=`.
  #
  # @return [Integer]
  def native_size; end

  # Tells the garbage collector how much native memory the release gives back, so that it collects as often as that
  # calls for. Counted while GC and exit are to release the pointer.
  #
  # @param size [Integer] in bytes
  # @return [Integer] the same
  # @raise [TypeError, ArgumentError] if it is no Integer, or negative
  # @raise [SafePointer::ReleasedError] if the pointer is released or detached, or is going to be
  # @raise [FrozenError] if the pointer is frozen
  def size=(size); end

  # A pointer has one owner, so it has no copies.
  #
  # @return [void]
  # @raise [RuntimeError] always, before there is a copy (ffi/ffi#1155)
  def dup(*arguments); end

  alias clone dup

  # Releases the pointer now and makes it NULL. Does nothing the second time, and while another release
  # of the same pointer is under way, on whatever thread.
  #
  # While there are leases ({#use}) or children, the release waits for them to end, and this returns.
  #
  # The release runs on the calling thread. An error it raises comes out of here; the pointer counts as
  # released all the same.
  #
  # @return [nil]
  def free; end

  # As `Object#freeze`. A frozen pointer can be used, freed and have children like any other.
  #
  # @return [self]
  def freeze; end

  # Whether the release is over. `false` while it runs or waits, and before it was ever asked for.
  #
  # @return [Boolean]
  def freed?; end

  # The address the pointer had before its release made it NULL; 0 if that was before `FFI::AutoPointer` was
  # replaced, which does not know it any more. `nil` of a pointer that is not released.
  #
  # @return [Integer, nil]
  def released_address; end

  # Gives the pointer away: returns the object that was wrapped, and nothing releases it from here any more,
  # neither `free` nor GC nor exit. This object keeps its address.
  #
  # Its parent does not wait for it any longer. It still waits for its children itself, before its parent is
  # released.
  #
  # @return [FFI::Pointer]
  # @raise [SafePointer::ReleasedError] if somebody has asked for the release, or it is detached already
  def detach; end

  # Whether the pointer has been given away with `detach`.
  #
  # @return [Boolean]
  def detached?; end

  # Whether GC and exit release the pointer. `false` once it is released.
  #
  # @return [Boolean]
  def autorelease?; end

  # Lets GC and exit release the pointer, or keeps them from doing so. An explicit `free` releases in
  # either case.
  #
  # @param on [Boolean] as any object: whether it is neither nil nor false
  # @return [Object] `on`
  # @raise [FrozenError] if the pointer is frozen
  def autorelease=(on); end

  # As `Object#instance_variable_get`. Answers for `@releaser` too, which `FFI::AutoPointer` has and which
  # this class keeps elsewhere where it can.
  #
  # @param name [Symbol, String]
  # @return [Object]
  def instance_variable_get(name); end

  # As `FFI::Pointer#inspect`; of a released pointer the address it had, and `freed`.
  #
  # @return [String]
  def inspect; end

  alias to_s inspect

  # How many pointers there are, and what became of the others. Counted all the time and in all Ractors; in a forked
  # process the figures go on from those of its parent. NULL is not counted, as there is nothing to release.
  #
  # - `:created`: the pointers, and releasers of other objects, that were made.
  # - `:released`: by what they were released. `:free` is the program, whatever the method, and also where its release
  #   had to wait; `:gc` found them dead, and `:queue` is what a {ReleaseQueue#drain} released of those; `:exit` is the
  #   end of the process; `:parent` the release of a parent that destroyed them (`freed_by_parent`).
  # - `:detached`: given away, or gone with autorelease off, so that nothing releases them from here.
  # - `:live`: the rest.
  # - `:errors`: how many of the releases raised.
  # - `:bytes`: the native memory of the live ones, as far as `size:` says it and GC and exit are to release it.
  #
  # @return [Hash{Symbol => Integer, Hash{Symbol => Integer}}] frozen
  def self.stats; end

  # Somebody has released the pointer already, or asked for its release.
  class ReleasedError < RuntimeError
  end

  # What the guards ask.
  #
  # @api private
  module Guard
    # Has `class` looked at again. Returns whether there may be pointers of it that a C function is to release.
    def self.unmark(klass); end

    # Puts the releaser of `pointer` into `@releaser`, where `FFI::AutoPointer` has it, for code of its class that
    # looks there. A frozen pointer keeps what it has.
    def self.expose(pointer); end

    # The names under which `class` says that its pointers are freed, without those that it inherits.
    def self.own_names(klass); end

    # Adds to them. No Ruby runs between the look and the change: another thread may add some as well.
    def self.add_names(klass, names); end

    # Lets guards in any Ractor refer to `method`, an `UnboundMethod`. From 4.0 on Ruby itself allows that.
    def self.share(method); end

    # Runs the block, a class's own `free`, as the release of `pointer`.
    #
    # Returns what the block returns, or `nil` if it may not run, or not now.
    def self.free(pointer, id); end

    # Runs the block, a class's own `release` called by hand, as the release of `pointer`.
    def self.release(pointer, id); end
  end

  # Calls of C functions.
  #
  # @api private
  module NativeRelease
    # Has pointers of `class` and its subclasses allocated with room for the state of a native release, if they are
    # allocated with a slot.
    def self.prepare(klass); end

    # Keeps the library loaded that has a function at `address`: ffi unloads libraries at the end of the process, when
    # releases may still be due. Returns `false` if no library has it.
    def self.pin(address); end

    # Calls the function at `function` with `address`. What `klass.release(pointer)` does by hand.
    def self.call(function, address); end
  end

  class ReleaseQueue
    # Releases what is due, on the calling thread: what is in the queue when this is called, at most `max` of it. An
    # error of one release is reported (see {SafePointer.on_release_error}) and does not stop the others; what is no
    # error, an interrupt for instance, comes out of here. Does nothing inside a release.
    #
    # @param max [Integer, nil]
    # @return [Integer] how many were released
    # @raise [TypeError, ArgumentError] if `max` is no Integer, or negative
    def drain(max: nil); end

    # How many releases wait.
    #
    # @return [Integer]
    def size; end

    # Whether none waits.
    #
    # @return [Boolean]
    def empty?; end

    # The largest number of releases that have waited at once.
    #
    # @return [Integer]
    def high_water; end

    # Whether it has been closed.
    #
    # @return [Boolean]
    def closed?; end

    # Where the releases of dead pointers wait that have no other queue: from GC until Ruby calls the finalizer, which drains
    # it. What is swept after that call waits for the next collection.
    #
    # @return [SafePointer::ReleaseQueue]
    def self.default; end
  end

  # The release of one pointer, for objects that own a pointer without being one.
  #
  # It can be defined as the finalizer of its owner ({Releaser.attach} does that), which keeps it. It may be asked
  # from any thread; whoever asks first gets the release done.
  #
  # @example
  #   class Device
  #     def initialize(pointer)
  #       @releaser = SafePointer::Releaser.attach(self, pointer, LibUSB.method(:unref_device))
  #     end
  #
  #     def close = @releaser.free # GC will not release it again
  #   end
  class Releaser
    # The release of `held`: a pointer, a struct, or whatever else the callable takes. Somebody has to ask for it: one that is
    # dropped before is never carried out, and its parent does not wait for it any more.
    #
    # @param held [Object] passed to the callable; never released if its address is NULL
    # @param callable [#call, nil] called with `held`, at most once; the block where there is none
    # @param options [Hash{Symbol => Object}] those of {SafePointer#initialize}
    # @yieldparam held [Object]
    # @return [SafePointer::Releaser]
    # @raise [TypeError] if `held` is nil
    # @raise [RuntimeError] if there is no callable, or it does not answer `call`
    def self.new(held, callable = nil, **options); end

    # The release of `held` when `owner` is gone, in one line: makes a releaser and defines it as the owner's
    # finalizer. The owner keeps what this returns, to free by hand.
    #
    # @param owner [Object] whose end releases `held`; it may be referred to by neither `held` nor the callable
    # @param held [Object] as of {new}
    # @param callable [#call, nil] as of {new}
    # @param options [Hash{Symbol => Object}] as of {new}
    # @yieldparam held [Object]
    # @return [SafePointer::Releaser]
    # @raise [ArgumentError, FrozenError] if Ruby allows `owner` no finalizer
    def self.attach(owner, held, callable = nil, **options); end

    # Releases because the object is gone or the process ends: what Ruby calls as a finalizer, with the object id.
    # Without arguments it is the program that calls, on behalf of such an end.
    #
    # @return [nil]
    def call(*object_id); end

    # Releases the pointer, unless something has released it already, and makes it NULL. While its release has to wait
    # for children, this returns.
    #
    # @return [nil]
    def free; end

    # Releases `held`, given by hand, as the object that was wrapped.
    #
    # @param held [Object]
    # @return [nil]
    def release(held); end

    # Whether GC and exit release. `false` once it is released.
    #
    # @return [Boolean]
    def autorelease; end

    # Lets GC and exit release, or keeps them from doing so. An explicit {#free} releases in either case.
    #
    # @param on [Boolean] as any object: whether it is neither nil nor false
    # @return [Object] `on`
    def autorelease=(on); end

    # As `Object#instance_variable_get`. Answers for the variables that the releaser of an `FFI::AutoPointer` has,
    # `@autorelease`, `@ptr` and `@proc`.
    #
    # @param name [Symbol, String]
    # @return [Object]
    def instance_variable_get(name); end

    # As `Object#instance_variable_set`. With `@ptr` or `@proc` set to nil, or `@autorelease` to false, GC and exit
    # leave the pointer alone.
    #
    # @param name [Symbol, String]
    # @param value [Object]
    # @return [Object] the value
    def instance_variable_set(name, value); end
  end
end
