# frozen_string_literal: true

# In interpreters of their own: a forked one finds dead what this process has left behind.
RSpec.describe "the figures of SafePointer.stats" do
  # What the block in `source` changes, and what is written to stderr otherwise.
  def changes_of(source)
    child = run_ruby(<<~RUBY)
      require "#{File.expand_path("../support/figures", __dir__)}"
      require "#{File.expand_path("../support/native_handle", __dir__)}"
      #{source}
    RUBY
    expect(child).to be_quiet, child.inspect
    child.events.grep(Hash).first
  end

  def found_dead(make, types = "", after = "")
    changes_of(<<~RUBY)
      #{types}
      events << Figures.counted {
        out_of_reach { 3.times { #{make} } }
        full_gc
        #{after}
      }
    RUBY
  end

  {
    "pointers of a class with release" => "Handle.new(Oracle.create)",
    "pointers with a callable" => "SafePointer.new(Oracle.create, Oracle.method(:free))",
    "pointers that a C function releases" => "NativeHandle.new(Oracle.create)",
    "those that were made to be like the others" => "NativeHandle.new(Oracle.create).tap(&:parent)",
    "pointers with a size" => "Handle.new(Oracle.create, size: 64)",
    "owners" => "SafePointer::Releaser.attach(Object.new, Oracle.create, Oracle.method(:free))"
  }.each do |what, make|
    it "have #{what} that GC found dead under gc" do
      expect(found_dead(make)).to eq(created: 3, gc: 3)
    end

    it "have #{what} with autorelease off, that GC found dead, as detached" do
      expect(found_dead("#{make}.autorelease = false")).to eq(created: 3, detached: 3)
    end
  end

  it "have what a drain released under queue" do
    types = <<~RUBY
      QUEUE = SafePointer::ReleaseQueue.new
      class Queued < Handle
        release_queue QUEUE
      end
      class NativeQueued < NativeHandle
        release_queue QUEUE
      end
    RUBY
    make = "Queued.new(Oracle.create); NativeQueued.new(Oracle.create)"
    expect(found_dead(make, types)).to eq(created: 6, live: 6)
    expect(found_dead(make, types, "QUEUE.drain")).to eq(created: 6, queue: 6)
  end

  it "have a family that is garbage together under gc" do
    expect(found_dead("Handle.new(Oracle.create, parent: Handle.new(Oracle.create))")).to eq(created: 6, gc: 6)
  end

  it "have what goes with its parent, garbage together, under gc and parent, whichever is found first" do
    make = "Handle.new(FFI::Pointer.new(64), parent: Handle.new(Oracle.create), freed_by_parent: true)"
    changes = changes_of(<<~RUBY)
      class Handle
        def self.release(raw) = raw.address == 64 || Oracle.free(raw)
      end
      events << Figures.counted {
        out_of_reach { 3.times { #{make} } }
        3.times { full_gc }
      }
    RUBY
    expect(changes.delete(:created)).to be 6
    expect(changes.values.sum).to be 6
    expect(changes.keys - %i[gc parent]).to be_empty
  end

  it "count once what a C function releases that calls back, where that wants a releaser" do
    changes = changes_of(<<~RUBY)
      class CallingBack < SafePointer
        release_with Oracle, :free_calling_back
      end
      pointer = nil
      Oracle.call_back(called = ->(_) { pointer.parent })
      events << Figures.counted {
        out_of_reach do
          pointer = CallingBack.new(Oracle.create)
          pointer.free
          events << [pointer.freed?, pointer.null?]
          pointer = nil
        end
        full_gc
      }
    RUBY
    expect(changes).to eq(created: 1, free: 1)
  end

  it "have errors at GC" do
    child = run_ruby(<<~RUBY)
      require "#{File.expand_path("../support/figures", __dir__)}"
      SafePointer.on_release_error {}
      events << Figures.counted {
        out_of_reach { SafePointer.new(FFI::Pointer.new(64), ->(_) { raise IOError }) }
        full_gc
      }
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [{created: 1, gc: 1, errors: 1}])
  end

  it "have what is released at the end of the process under exit" do
    child = run_ruby(<<~RUBY)
      kept = Array.new(3) do
        SafePointer.new(Oracle.create) { |raw| events << SafePointer.stats[:released][:exit] << Oracle.free(raw) }
      end
    RUBY
    expect(child).to be_quiet, child.inspect
    expect(child.events.grep(Integer)).to eq [0, 1, 2]
  end

  it "count no pointer twice that an FFI::AutoPointer was before it was replaced" do
    changes = changes_of(<<~RUBY)
      require "#{File.expand_path("../support/figures", __dir__)}"
      class Old < FFI::AutoPointer
        def self.release(raw) = Oracle.free(raw)
      end
      old = Array.new(3) { Old.new(Oracle.create) }
      old.last.free
      events << Figures.counted {
        require "safe_pointer/auto_pointer"
        old << Old.new(Oracle.create)
        2.times { old.each(&:free) }
      }
    RUBY
    expect(changes).to eq(created: 3, free: 3)
  end

  it "go on in a forked process from those of its parent" do
    log = in_child do |events|
      kept = Handle.new(events.raw)
      before = Figures.figures
      in_fork_of(events) do
        GC.disable
        kept.free
        after = Figures.figures
        events << %i[created free live].map { |name| after[name] - before[name] }
      end
      events << (Figures.figures[:free] - before[:free])
      kept.free
    end
    expect(log.grep_v(Array)).to eq [0, :released]
    expect(log).to include [0, 1, -1]
  end

  it "are those of all Ractors" do
    skip "Ruby #{RUBY_VERSION}: Ractors are tested on 3.3 and later" if RUBY_VERSION < "3.3"
    changes = changes_of(<<~RUBY)
      Warning[:experimental] = false
      events << Figures.counted { Ractor.new { 3.times { Handle.new(Oracle.create).free } }.value }
    RUBY
    expect(changes).to eq(created: 3, free: 3)
  end
end
