# frozen_string_literal: true

require "tmpdir"

# The witness must be able to say no: what stock FFI::AutoPointer does wrong has
# to show here, and so has a release that never comes.
RSpec.describe "the harness" do
  describe "with a double release by FFI::AutoPointer" do
    def own_free
      Class.new(FFI::AutoPointer) do
        def self.release(raw) = Oracle.free(raw)
        def free = Oracle.free(self)
      end
    end

    it "sees it at GC" do
      child = fork_child do |events|
        type = own_free
        out_of_reach { type.new(events.raw(:twice)).free }
        full_gc
        events << :unreached
      end
      expect(child).to have_attributes(
        events: [[:released, :twice], [:released, :twice]],
        signal: :ABRT,
        stderr: match(/\Aoracle: one release too many: 0x\h+ twice$/)
      )
    end

    it "sees it at exit" do
      child = fork_child do |events|
        @alive_at_exit = own_free.new(events.raw)
        @alive_at_exit.free
        events << :freed
      end
      expect(child).to have_attributes(events: [:released, :freed, :released], signal: :ABRT)
    end

    it "sees it at exit of a fresh interpreter" do
      child = run_ruby(<<~RUBY)
        type = Class.new(FFI::AutoPointer) do
          def self.release(raw) = Oracle.free(raw)
          def free = Oracle.free(self)
        end
        pointer = type.new(events.raw)
        pointer.free
      RUBY
      expect(child).to have_attributes(events: [:released, :released], signal: :ABRT)
    end

    it "fails the example" do
      double_release = lambda do |events|
        @alive_at_exit = own_free.new(events.raw)
        @alive_at_exit.free
      end
      expect { in_child(&double_release) }.to raise_error(RSpec::Expectations::ExpectationNotMetError, /ABRT/)
    end
  end

  it "sees a release that never comes" do
    log = in_child do |events|
      @alive_at_exit = FFI::AutoPointer.new(events.raw, Oracle.method(:free))
      @alive_at_exit.autorelease = false
    end
    expect(log).to eq []
  end

  it "sees a release of NULL, and of a pointer nobody made" do
    child = fork_child do
      Oracle.free(nil)
      Oracle.free(FFI::Pointer.new(16))
    end
    expect(child).to have_attributes(
      events: [:released_null], stderr: start_with("oracle: release of an unknown pointer: 0x10")
    )
  end

  describe "where nobody reads the log, so that the pipe is full," do
    # Releases pointers in a fork, whose log is read when it waits for that, or has ended.
    def read_late
      reader, writer = IO.pipe
      filling = fill(writer)
      pid = fork do
        reader.close
        trap(:USR1) { nil }
        events = Events.new(writer)
        100.times { Oracle.free(events.raw) }
        exit!(true)
      end
      writer.close
      wait_until { waits?(pid) }
      yield pid
      [reader.read.delete_prefix(filling).lines.tally, Process.wait2(pid).last]
    end

    def fill(pipe)
      filling = ""
      loop { filling += "-" * pipe.write_nonblock("-" * 1_000) }
    rescue IO::WaitWritable
      filling
    end

    # It sleeps, or has ended.
    def waits?(pid)
      stat = "/proc/#{pid}/stat"
      !File.exist?(stat) || File.read(stat).match?(/\) [SZ] /)
    end

    it "waits" do
      expect(read_late { nil }).to match [{"released\n" => 100}, be_success]
    end

    it "goes on waiting after the handler of a signal" do
      expect(read_late { |pid| Process.kill(:USR1, pid) }).to match [{"released\n" => 100}, be_success]
    end

    it "still aborts at a release too many" do
      child = fork_child do |events|
        10_000.times { Oracle.free(events.raw) }
        2.times.with_object(events.raw(:twice)) { |_, raw| Oracle.free(raw) }
      end
      expect(child).to have_attributes(signal: :ABRT, stderr: match(/\Aoracle: one release too many: 0x\h+ twice$/))
      expect(child.events.tally).to eq :released => 10_000, %i[released twice] => 2
    end
  end

  # As it does now and then, after all that the child was for.
  it "starts a child once more that Ruby 3.1 has crashed in", if: RUBY_VERSION < "3.2" do
    Dir.mktmpdir do |directory|
      started = File.join(directory, "started")
      child = fork_child do |events|
        events << File.exist?(started)
        warn "[BUG] Segmentation fault at 0x0000000000000450" unless File.exist?(started)
        File.write(started, "")
      end
      expect(child).to have_attributes(quiet?: true, events: [true])
    end
  end

  it "counts the double releases of pointers made in the process of the suite" do
    raw = Oracle.create
    child = fork_child do |events|
      2.times { Oracle.free(raw) }
      events << Oracle.excess
    end
    expect(child).to have_attributes(
      events: [Oracle.excess + 1], exitstatus: 0, stderr: start_with("oracle: one release too many")
    )
  end

  it "counts" do
    log = in_child do |events|
      GC.disable # what other examples have left
      live = Oracle.live
      pointers = Array.new(3) { events.raw }
      pointers.first(2).each { |pointer| Oracle.free(pointer) }
      events << [Oracle.live - live]
    end
    expect(log.last).to eq [1]
  end

  it "never gives an address out twice" do
    addresses = Array.new(100) { Oracle.create.tap { |raw| Oracle.free(raw) }.address }
    expect(addresses.uniq.size).to be 100
  end

  it "leaves out of a child's log what its parent made" do
    inherited = FFI::AutoPointer.new(Oracle.create(:inherited), Oracle.method(:free))
    expect(in_child { |events| events << inherited.autorelease? }).to eq [true]
  end

  it "fails the example when the scenario raises, and says why" do
    expect { in_child { raise "the reason" } }
      .to raise_error(RSpec::Expectations::ExpectationNotMetError, /the reason/)
  end

  it "fails the example when the scenario prints" do
    expect { in_child { warn "a line" } }.to raise_error(RSpec::Expectations::ExpectationNotMetError, /a line/)
  end

  it "ends a child as Ruby ends: at_exit handlers first, finalizers next" do
    log = in_child do |events|
      FFI::AutoPointer.new(events.raw, Oracle.method(:free)).then { |pointer| @alive_at_exit = pointer }
      at_exit { events << :at_exit }
      events << :end
    end
    expect(log).to eq [:end, :at_exit, :released]
  end

  it "collects at full_gc what is out of reach" do
    log = in_child do |events|
      out_of_reach { 100.times { FFI::AutoPointer.new(events.raw, Oracle.method(:free)) } }
      full_gc
      events << :collected
    end
    expect(log).to eq [*[:released] * 100, :collected]
  end

  it "keeps the events of a child that dies" do
    child = fork_child do |events|
      events << :before
      Process.kill(:KILL, Process.pid)
    end
    expect(child).to have_attributes(events: [:before], signal: :KILL)
  end
end
