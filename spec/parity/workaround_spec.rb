# frozen_string_literal: true

require_relative "parity"

# How people have kept FFI::AutoPointer from releasing after a free of their own (ffi/ffi#1126): the bodies of
# such methods. With stock ffi each of them works when it is called once.
module Workarounds
  WIPE = <<~RUBY
    @releaser.instance_variable_set(:@autorelease, false)
    @releaser.instance_variable_set(:@ptr, nil)
    @releaser.instance_variable_set(:@proc, nil)
  RUBY

  # Those after which the releaser has nothing left to release.
  WIPING = {
    "proc, then wiping" =>
      "@releaser.instance_variable_get(:@proc).call(@releaser.instance_variable_get(:@ptr))\n#{WIPE}",
    "proc with the pointer itself, then wiping" => "@releaser.instance_variable_get(:@proc).call(self)\n#{WIPE}",
    "destructor, then wiping" => "Oracle.free(self)\n#{WIPE}",
    "wiping, then destructor" => "#{WIPE}\nOracle.free(self)",
    "wiping backwards" => "#{WIPE.lines.reverse.join}\nOracle.free(self)",
    "wiping twice" => "#{WIPE * 2}\nOracle.free(self)",
    "wiping the pointer only" => "Oracle.free(self)\n@releaser.instance_variable_set(:@ptr, nil)",
    "wiping with an ensure" => "Oracle.free(self)\nensure\n#{WIPE}",
    "taking the pointer out first" => <<~RUBY,
      ptr = @releaser.instance_variable_get(:@ptr)
      @releaser.instance_variable_set(:@ptr, nil)
      Oracle.free(ptr)
    RUBY
    "a releaser found by name" => <<~RUBY,
      releaser = instance_variable_get("@releaser")
      Oracle.free(self)
      releaser.instance_variable_set("@ptr", nil)
      releaser.instance_variable_set("@proc", nil)
    RUBY
    "the releaser's free" => "@releaser.free"
  }.freeze

  ALL = WIPING.merge(
    "a proc that does nothing" => "@releaser.instance_variable_set(:@proc, ->(_) {})\nOracle.free(self)",
    "autorelease of the releaser" => "@releaser.autorelease = false\nOracle.free(self)",
    "autorelease, before" => "self.autorelease = false\nOracle.free(self)",
    "autorelease, after" => "Oracle.free(self)\nself.autorelease = false",
    "call, then autorelease" => "@releaser.call\n@releaser.autorelease = false",
    "call as a finalizer is, then autorelease" => "@releaser.call(object_id)\nself.autorelease = false",
    "release of the releaser, then autorelease" =>
      "@releaser.release(@releaser.instance_variable_get(:@ptr))\n@releaser.autorelease = false",
    "no finalizer any more" => "ObjectSpace.undefine_finalizer(self)\nOracle.free(self)",
    "no releaser any more" => "self.autorelease = false\nOracle.free(self)\n@releaser = nil",
    "no variable any more" => "self.autorelease = false\nOracle.free(self)\nremove_instance_variable(:@releaser)",
    "the releaser's free, then none" => "@releaser.free\n@releaser = nil"
  ).freeze
end

Parity.describe "the workarounds for a free of one's own" do
  def type_with(base, name, body)
    Class.new(base) { class_eval("def #{name}\n#{body}\nend", __FILE__, __LINE__) }
  end

  %i[free close].each do |name|
    Workarounds::ALL.each do |what, body|
      it "release once by #{name} with #{what}, also after GC and at exit" do
        log = log_of do |events, base|
          type = type_with(base, name, body)
          out_of_reach { type.new(events.raw(:dropped), Oracle.method(:free)).public_send(name) }
          full_gc
          events << :collected
          @kept = type.new(events.raw(:kept), Oracle.method(:free))
          full_gc
          @kept.public_send(name)
          full_gc
          events << :freed
        end
        expect(log).to eq [[:released, :dropped], :collected, [:released, :kept], :freed]
      end
    end
  end

  Workarounds::ALL.each do |what, body|
    it "do not change what happens where they are not called: #{what}" do
      log = log_of do |events, base|
        type = type_with(base, :free, body)
        out_of_reach { type.new(events.raw(:dropped), Oracle.method(:free)) }
        full_gc
        events << :collected
        @kept = type.new(events.raw(:kept), Oracle.method(:free))
      end
      expect(log).to eq [[:released, :dropped], :collected, [:released, :kept]]
    end
  end

  wiping = Workarounds::WIPING.values.first

  # Classes whose callable is their own release.
  {
    "after super" => [{}, ->(base) { type_with(handle(base), :free, "super\n#{Workarounds::WIPE}") }],
    # Before, @proc was the class itself.
    "from a mixin" => [
      {since: "1.17"},
      lambda { |base|
        mixin = Module.new { class_eval("def free\n#{wiping}\nend", __FILE__, __LINE__) }
        handle(base) { include mixin }
      }
    ],
    "with the class's release as callable" => [{since: "1.17"}, ->(base) { type_with(handle(base), :free, wiping) }]
  }.each do |how, (metadata, make)|
    it "work #{how}", **metadata do
      log = log_of do |events, base|
        type = instance_exec(base, &make)
        out_of_reach { type.new(events.raw(:dropped)).free }
        full_gc
        @kept = type.new(events.raw(:kept))
        @kept.free
        events << :freed
      end
      expect(log).to eq [[:released, :dropped], [:released, :kept], :freed]
    end
  end

  it "work from outside", since: "1.17" do
    log = log_of do |events, base|
      wipe = lambda do |pointer|
        releaser = pointer.instance_variable_get(:@releaser)
        releaser.instance_variable_get(:@proc).call(releaser.instance_variable_get(:@ptr))
        releaser.instance_variable_set(:@autorelease, false)
        releaser.instance_variable_set(:@ptr, nil)
        releaser.instance_variable_set(:@proc, nil)
      end
      out_of_reach { wipe.call(handle(base).new(events.raw(:dropped))) }
      full_gc
      events << :collected
      @kept = handle(base).new(events.raw(:kept))
      wipe.call(@kept)
      events << @kept.free
    end
    expect(log).to eq [[:released, :dropped], :collected, [:released, :kept], nil]
  end
end

Parity.describe "wiping a releaser from outside" do
  def wipe(pointer, *names)
    releaser = pointer.instance_variable_get(:@releaser)
    names.each { |name| releaser.instance_variable_set(name, name == :@autorelease ? false : nil) }
  end

  [%i[@ptr], %i[@ptr @proc], %i[@autorelease @ptr], %i[@autorelease @ptr @proc], %i[@proc @ptr @autorelease]].each do |names|
    it "of #{names.join(", ")} leaves nothing to release: for free, GC and exit" do
      log = log_of do |events, base|
        out_of_reach { wipe(handle(base).new(events.raw), *names) }
        full_gc
        @kept = handle(base).new(events.raw)
        wipe(@kept, *names)
        events << @kept.free
      end
      expect(log).to eq [nil]
    end

    it "of #{names.join(", ")} after free changes nothing" do
      log = log_of do |events, base|
        out_of_reach { wipe(handle(base).new(events.raw(:dropped)).tap(&:free), *names) }
        full_gc
        @kept = handle(base).new(events.raw(:kept)).tap(&:free)
        2.times { wipe(@kept, *names) }
        events << [@kept.free, @kept.autorelease?]
      end
      expect(log).to eq [[:released, :dropped], [:released, :kept], [nil, false]]
    end
  end

  it "of @autorelease leaves a later free its release" do
    log = log_of do |events, base|
      @kept = handle(base).new(events.raw(:kept))
      wipe(@kept, :@autorelease)
      freed = handle(base).new(events.raw(:freed))
      wipe(freed, :@autorelease)
      events << [@kept.autorelease?, freed.free, freed.free]
    end
    expect(log).to eq [[:released, :freed], [false, nil, nil]]
  end

  it "can be undone" do
    log = log_of do |events, base|
      raw = events.raw
      @kept = base.new(raw, Oracle.method(:free))
      wipe(@kept, :@autorelease, :@ptr, :@proc)
      releaser = @kept.instance_variable_get(:@releaser)
      {:@proc => Oracle.method(:free), :@ptr => raw, :@autorelease => true}.each do |name, value|
        releaser.instance_variable_set(name, value)
      end
      events << @kept.autorelease?
    end
    expect(log).to eq [true, :released]
  end
end

# What stock ffi gets wrong: it raises or releases again when such a method is called twice.
Parity.describe "the workarounds, made safe,", Parity::SAFE do
  Workarounds::ALL.each do |what, body|
    it "release once by free twice with #{what}" do
      log = log_of do |events, base|
        type = Class.new(base) { class_eval("def free\n#{body}\nend", __FILE__, __LINE__) }
        out_of_reach { 2.times.with_object(type.new(events.raw(:dropped), Oracle.method(:free))) { |_, each| each.free } }
        full_gc
        events << :collected
        @kept = type.new(events.raw(:kept), Oracle.method(:free))
        @kept.free
        events << [@kept.free, @kept.freed?, @kept.null?, @kept.autorelease?]
      end
      expect(log).to eq [[:released, :dropped], :collected, [:released, :kept], [nil, true, true, false]]
    end
  end

  Workarounds::WIPING.each do |what, body|
    it "release once by close, then free, with #{what}" do
      log = log_of do |events, base|
        type = Class.new(base) { class_eval("def close\n#{body}\nend", __FILE__, __LINE__) }
        @kept = type.new(events.raw, Oracle.method(:free))
        @kept.close
        events << [@kept.free, @kept.free]
      end
      expect(log).to eq [:released, [nil, nil]]
    end
  end
end
