# frozen_string_literal: true

class BusyCloser
  def self.close(_) = raise(IOError, "busy")
  def self.call(_) = raise(IOError, "busy")
  def close(_) = raise(IOError, "busy")
  def call(_) = raise(IOError, "busy")
  def inspect = raise("inspect")
  def self.inspect = raise("inspect")
end

class BusyHandle < SafePointer
  def self.release(_) = raise(IOError, "busy")
end

class BusyOwnFree < SafePointer
  frees_with :close

  def self.release(_) = nil
  def free = raise(IOError, "busy")
  def close = raise(IOError, "busy")
end

class BusyStruct < SafePointer::ManagedStruct
  layout :value, :int
  def self.release(_) = raise(IOError, "busy")
end

RSpec.describe SafePointer, ".on_release_error" do
  after { SafePointer.on_release_error }

  let(:raw) { FFI::Pointer.new(64) }

  # The infos of what is freed while it is in use.
  def infos(pointer)
    infos = []
    SafePointer.on_release_error { |_, info| infos << info }
    (pointer.is_a?(FFI::Struct) ? pointer.pointer : pointer).use { block_given? ? yield(pointer) : pointer.free }
    infos
  end

  {
    "BusyHandle.release" => ->(raw) { BusyHandle.new(raw) },
    "BusyCloser.close" => ->(raw) { SafePointer.new(raw, BusyCloser.method(:close)) },
    "BusyCloser#close" => ->(raw) { SafePointer.new(raw, BusyCloser.new.method(:close)) },
    "BusyCloser.call" => ->(raw) { SafePointer.new(raw, BusyCloser) },
    "BusyCloser#call" => ->(raw) { SafePointer.new(raw, BusyCloser.new) },
    "Oracle.created" => ->(raw) { SafePointer.new(raw, Oracle.method(:created)) },
    "a block at #{__FILE__}:#{__LINE__}" => ->(raw) { SafePointer.new(raw) { raise "busy" } },
    "a block" => ->(raw) { SafePointer.new(raw, :missing.to_proc) },
    "BusyStruct.release" => ->(raw) { BusyStruct.new(raw) },
    "BusyOwnFree#free" => ->(raw) { BusyOwnFree.new(raw) }
  }.each do |words, make|
    it "is told which release it was: #{words}" do
      expect(infos(make.call(raw))).to match [a_hash_including(release: words)]
    end
  end

  it "is told of another name of free, and of a release by hand" do
    expect(infos(BusyOwnFree.new(raw), &:close)).to match [a_hash_including(release: "BusyOwnFree#close")]
    expect(infos(BusyHandle.new(raw)) { |own| BusyHandle.release(own) }).to match [a_hash_including(release: "BusyHandle.release")]
  end

  it "is told of the release of an object without any method" do
    callable = Class.new(BasicObject) do
      def call(_) = ::Kernel.raise(::IOError)
      def respond_to?(*) = true
      def self.to_s = "Bare"
    end
    expect(infos(SafePointer.new(raw, callable.new))).to match [a_hash_including(release: "Bare#call")]
  end

  it "is told of the struct, where that has made the pointer itself" do
    expect(infos(BusyStruct.new(raw))).to match [a_hash_including(class: BusyStruct, address: 64)]
  end

  it "is told of the class of a pointer, whatever method it is released by" do
    type = Class.new(SafePointer)
    expect(infos(type.new(raw, BusyStruct.method(:release)))).to match [a_hash_including(class: type)]
  end

  it "is told where the release raised" do
    line = __LINE__ + 1
    pointer = SafePointer.new(raw) { raise "busy" }
    expect(infos(pointer)).to match [a_hash_including(raised_at: /\A#{Regexp.escape(__FILE__)}:#{line}:in /)]
  end

  {
    "a backtrace of its own" => [->(error) { error.set_backtrace(["lib.rb:1:in `close'\nand more", "lib.rb:2"]) },
                                 "lib.rb:1:in `close'"],
    "an empty one" => [->(error) { error.set_backtrace([]) }, nil],
    "one in binary" => [->(error) { error.set_backtrace("\xc3\xbc\xff.rb:1".b) }, "\u{fc}\u{fffd}.rb:1"]
  }.each do |what, (prepare, raised_at)|
    it "is told of an error with #{what}" do
      error = IOError.new("busy").tap(&prepare)
      expect(infos(SafePointer.new(raw, ->(_) { raise error }))).to match [a_hash_including(raised_at: raised_at)]
    end
  end

  it "is told where an error was raised whose own method for that raises" do
    error = Class.new(IOError) { def backtrace = super && raise("no backtrace") }.new("busy")
    expect(infos(SafePointer.new(raw, ->(_) { raise error }))).to match [a_hash_including(raised_at: /:#{__LINE__}:in /)]
  end

  describe "without a block" do
    def free_in_use(pointer)
      SafePointer.on_release_error
      (pointer.is_a?(FFI::Struct) ? pointer.pointer : pointer).use { pointer.free }
    end

    it "is a warning with all of it" do
      pointer = BusyStruct.new(raw)
      expect { free_in_use(pointer) }.to output(
        /\Asafe_pointer:\ release\ of\ BusyStruct\ address=0x0+40\ by\ BusyStruct\.release\ after\ its\ last\ lease\
         \ raised\ IOError:\ busy\ \(#{Regexp.escape(__FILE__)}:\d+:in\ .*release'\)\n\z/x
      ).to_stderr
    end

    it "is put together of strings in any encoding" do
      error = IOError.new("\u{fc}".encode("UTF-16LE"))
      error.set_backtrace("\xff.rb:1".b)
      pointer = SafePointer.new(raw, ->(_) { raise error })
      expect { free_in_use(pointer) }.to output(/raised IOError: \u{fc} \(\u{fffd}\.rb:1\)\n\z/).to_stderr
    end

    it "loses no interrupt that comes while it words the error" do
      interrupt = Class.new(Exception)
      error = Class.new(IOError) do
        define_method(:message) do
          Thread.current.raise(interrupt)
          "busy"
        end
      end
      pointer = SafePointer.new(raw, ->(_) { raise error })
      expect { free_in_use(pointer) }.to raise_error(interrupt)
      expect(pointer).to be_freed
    end
  end
end
