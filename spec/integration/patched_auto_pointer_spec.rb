# frozen_string_literal: true

# FFI::AutoPointer made safe in place, in a program that has patched it before. Each example is a program of its own.
RSpec.describe "require \"safe_pointer/auto_pointer\" after a patch of FFI::AutoPointer" do
  def program(patch, between: "")
    run_ruby(<<~RUBY)
      module Log
        def self.of(name) = Events.current << name
      end
      class Buffer < FFI::AutoPointer
        def self.release(raw) = Oracle.free(raw)
        #{between}
      end
      #{patch}
      early = Buffer.new(events.raw(:early))
      require "safe_pointer/auto_pointer"
      late = Buffer.new(events.raw(:late))
      events << :made
      [early, late].each { |pointer| 2.times { pointer.free } }
      events << [early, late].map(&:freed?)
      out_of_reach { Buffer.new(events.raw(:dropped)) }
      full_gc
      $kept = Buffer.new(events.raw(:kept))
    RUBY
  end

  def log_of(...)
    child = program(...)
    RSpec::Expectations.fail_with("the program did not end quietly: #{child.inspect}") unless child.quiet?
    child.events
  end

  # Wrappers that are methods of AutoPointer see each call. Others are a free of the class's own, which is called once.
  wrapped = lambda do |seen|
    [
      :made_one, :made_one, :made, :freed_one, %i[released early], *([:freed_one] if seen), :freed_one,
      %i[released late], *([:freed_one] if seen), [true, true], :made_one, %i[released dropped], :made_one, %i[released kept]
    ]
  end
  chain = <<~RUBY
    alias_method :initialize_without_log, :initialize
    def initialize(*arguments, **options)
      initialize_without_log(*arguments, **options)
      Log.of(:made_one)
    end
    alias_method :free_without_log, :free
    def free
      Log.of(:freed_one)
      free_without_log
    end
  RUBY

  it "keeps wrappers in an alias chain" do
    expect(log_of("class FFI::AutoPointer\n#{chain}\nend")).to eq wrapped.call(true)
  end

  it "keeps wrappers of wrappers" do
    log = log_of(<<~RUBY)
      class FFI::AutoPointer
        #{chain}
        alias_method :free_without_count, :free
        def free
          Log.of(:counted)
          free_without_count
        end
      end
    RUBY
    expect(log).to eq(wrapped.call(true).flat_map { |event| event == :freed_one ? %i[counted freed_one] : [event] })
  end

  it "keeps wrappers in an alias chain in a subclass" do
    expect(log_of("", between: chain)).to eq wrapped.call(false)
  end

  it "keeps what is prepended" do
    expect(log_of(<<~RUBY)).to eq wrapped.call(false)
      FFI::AutoPointer.prepend(Module.new do
        def initialize(...)
          super
          Log.of(:made_one)
        end

        def free
          Log.of(:freed_one)
          super
        end
      end)
    RUBY
  end

  it "keeps what is prepended to its class methods" do
    expect(log_of(<<~RUBY).tally).to include(:converted, %i[released early] => 1, %i[released kept] => 1)
      FFI::AutoPointer.singleton_class.prepend(Module.new do
        def native_type
          Log.of(:converted)
          super
        end
      end)
      at_exit { Buffer.native_type }
    RUBY
  end

  it "keeps wrappers of class methods, and which are private" do
    child = run_ruby(<<~RUBY)
      class FFI::AutoPointer
        alias_method :autorelease_without_log?, :autorelease?
        private :autorelease_without_log?
        def autorelease? = events << :asked && autorelease_without_log?
        class << self
          alias_method :from_native_without_log, :from_native
          private :from_native_without_log
          def from_native(...) = events << :converted && from_native_without_log(...)
        end
      end
      class Buffer < FFI::AutoPointer
        def self.release(raw) = Oracle.free(raw)
      end
      require "safe_pointer/auto_pointer"
      pointer = Buffer.from_native(events.raw, nil)
      events << pointer.autorelease?
      pointer.free
      events << pointer.autorelease? << FFI::AutoPointer.private_method_defined?(:autorelease_without_log?)
      events << FFI::AutoPointer.singleton_class.private_method_defined?(:from_native_without_log)
      events << pointer.methods.grep(/safe_pointer/)
    RUBY
    expect([child.events, child.stderr]).to eq [[:converted, :asked, true, :released, :asked, false, true, true, []], ""]
  end

  it "says so where a wrapper keeps ffi's method in another way, and replaces it" do
    child = program(<<~RUBY)
      class FFI::AutoPointer
        free = instance_method(:free)
        define_method(:free) { Log.of(:freed_one) && free.bind_call(self) }
      end
    RUBY
    expect(child.events).to eq [
      :made, %i[released early], %i[released late], [true, true], %i[released dropped], %i[released kept]
    ]
    expect(child.stderr).to match(/\Asafe_pointer: FFI::AutoPointer has a free of its own from -e:\d+, which does not .*\n\z/)
  end
end
