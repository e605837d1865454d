# frozen_string_literal: true

require "rbconfig"
require_relative "events"

# A child process that has ended: what it logged, what it printed and how it
# went.
class Child
  # A net for hanging children, far beyond what any of them needs: no example
  # depends on it. On a machine with much else to do, 120 were too few.
  SECONDS = 1_200

  attr_reader :events, :stdout, :stderr, :status

  # Runs the block in a fork. When the block returns, the child ends like any
  # Ruby program: at_exit handlers, then finalizers, then freeing all objects.
  #
  # CRuby ends a forked block without unwinding the frames below it, so nothing
  # of RSpec runs again in the child: no hooks, no formatter. The `rspec` command
  # registers no at_exit handler, and the one of rspec/autorun is off the list
  # before it starts the suite.
  def self.fork(&scenario)
    start do |log, out, err|
      Process.fork do
        STDOUT.reopen(out)
        STDERR.reopen(err)
        STDOUT.sync = STDERR.sync = true
        Process.setrlimit(:CORE, 0)
        disinherit
        scenario.call(Events.new(log))
      end
    end
  end

  # What other examples left behind is not this child's to release: a
  # fault with one of them would show in the wrong example.
  def self.disinherit
    ObjectSpace.each_object(FFI::Pointer) do |pointer|
      ObjectSpace.undefine_finalizer(pointer) unless pointer.frozen?
    end
    ObjectSpace.each_object(SafePointer::Releaser) { |releaser| releaser.autorelease = false }
  end
  private_class_method :disinherit

  # Runs Ruby source in a new interpreter, with `events` and the helpers of the
  # specs at hand (see child_prelude.rb). `env` is for its environment.
  def self.ruby(source, env: {})
    start do |log, out, err|
      Process.spawn(
        {"RUBYLIB" => $LOAD_PATH.join(File::PATH_SEPARATOR), "EVENTS_FD" => log.fileno.to_s, **env},
        RbConfig.ruby, "-r", File.expand_path("child_prelude", __dir__), "-e", source,
        out: out, err: err, log => log, rlimit_core: 0
      )
    end
  end

  # Started once more where it met a fault of Ruby's.
  def self.start(&)
    child = once(&)
    child.crashed_in_ruby? ? once(&) : child
  end
  private_class_method :start

  # No threads: what one does as it ends may hold a lock of the system's or of AddressSanitizer's, which the next child
  # would then have for ever.
  def self.once
    pipes = Array.new(3) { IO.pipe }
    pid = yield(*pipes.map(&:last))
    pipes.each { |_, writer| writer.close }
    texts = read(pipes.map(&:first)) { Process.kill(:KILL, pid) }
    new(*texts, Process.wait2(pid).last)
  ensure
    pipes.flatten.each(&:close)
  end
  private_class_method :once

  # All that comes out of them. Calls the block where nothing does for too long.
  def self.read(readers)
    texts = readers.to_h { |reader| [reader, String.new] }
    rest = readers
    until rest.empty?
      ready, = IO.select(rest, nil, nil, SECONDS)
      next yield unless ready

      chunks = ready.to_h { |reader| [reader, reader.read_nonblock(1 << 16, exception: false)] }
      chunks.each { |reader, chunk| texts[reader] << chunk if chunk.is_a?(String) }
      rest -= chunks.select { |_, chunk| chunk.nil? }.keys
    end
    texts.values.map { |text| text.force_encoding(Encoding.default_external) }
  end
  private_class_method :read

  def initialize(log, stdout, stderr, status)
    @events = Events.parse(log)
    @stdout = stdout.scrub
    @stderr = stderr.scrub
    @status = status
  end

  # Ended normally, with nothing to say.
  def quiet?
    status.success? && stdout.empty? && stderr.empty?
  end

  # The status the child exited with, or nil.
  def exitstatus
    status.exitstatus
  end

  # The signal that ended the child, as :ABRT, or nil.
  def signal
    status.signaled? ? Signal.signame(status.termsig).to_sym : nil
  end

  # Ruby 3.1 frees something on the native thread of a thread that has ended, later: where the process is so near its
  # end that there is no VM any more, it crashes there, as it looks for the collector in a VM at NULL.
  def crashed_in_ruby?
    RUBY_VERSION < "3.2" && stderr.match?(/^\[BUG\] Segmentation fault at 0x0+450$/)
  end

  def inspect
    # A crash report of Ruby has thousands of lines; the first ones tell.
    "#<Child #{status}\n  events: #{events.inspect}\n  stdout: #{stdout[0, 1_000]}\n  stderr: #{stderr[0, 2_000]}>"
  end
end
