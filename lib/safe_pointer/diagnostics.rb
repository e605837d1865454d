# frozen_string_literal: true

class SafePointer
  # What a program can see of its pointers: who is alive, where it was made, who owns an address twice, what is released
  # and by what.
  module Diagnostics
    # What is remembered of a pointer that is made while somebody watches. `gc_count` and `frames` are nil unless it
    # is traced. `silent` is true of what a subscriber has made: that is no event, nor is its end.
    #
    # @private
    Origin = Struct.new(:pointer_class, :address, :silent, :gc_count, :frames) do
      # The extension calls it, too.
      def made_at
        Backtrace.lines(frames) if frames
      end
    end
    private_constant :Origin

    class << self
      private

      # Called by the extension. `outlives` says that nothing else will be known of the pointer when it is gone.
      def origin(pointer_class, address, traced, outlives)
        silent = !Delivery.current.nil?
        return unless traced || outlives || silent

        Origin.new(pointer_class, address, silent, *([GC.count, Backtrace.frames] if traced)).freeze
      end
    end
  end
end

require "safe_pointer/diagnostics/backtrace"
require "safe_pointer/diagnostics/capture"
require "safe_pointer/diagnostics/delivery"
require "safe_pointer/diagnostics/event"
require "safe_pointer/diagnostics/live"
require "safe_pointer/diagnostics/report"
require "safe_pointer/diagnostics/subscription"
require "safe_pointer/diagnostics/warnings"

class SafePointer
  class << self
    # Whether it is remembered where pointers are made.
    #
    # @return [Boolean]
    def trace?
      watching?(:trace)
    end
    alias trace trace?

    # Has it remembered where and when pointers are made from now on, for {live}, {report}, the warnings and
    # {on_release_error}. Those that exist already are not traced. With `SAFE_POINTER_TRACE=1` in the environment this
    # is on from the beginning. A traced pointer takes a backtrace of at most 20 calls: several times as long as the
    # pointer itself takes, and about 1,000 bytes. docs/diagnostics.md has figures.
    #
    # @param on [Boolean]
    def trace=(on)
      watch(:trace, on ? true : false)
    end

    # The pointers that are alive, and the releasers of other objects. Not listed: NULL, what is being released, what
    # waits in a queue for its C function. Once a program has started a Ractor, Ruby lists no objects that one has
    # for itself, and so this lists none; {stats} still counts them.
    #
    # Takes a walk over all objects.
    #
    # @return [Array<SafePointer::Diagnostics::Live>]
    def live
      Diagnostics::Live.all
    end

    # Writes a table of what is alive, grouped by class and by where it was made, and then the pointers that their own
    # release callable keeps alive.
    #
    # @param io [#write]
    # @return [void]
    def report(io = $stderr)
      io.write(Diagnostics::Report.new(live).to_s)
      nil
    end

    # Whether {report} is written to stderr at the end of the process.
    #
    # @return [Boolean]
    def report_at_exit?
      watching?(:report_at_exit)
    end
    alias report_at_exit report_at_exit?

    # Has {report} written to stderr at the end of the process: after all `at_exit` blocks, before anything is released
    # there. With `SAFE_POINTER_TRACE=report` in the environment, this and {trace=} are on from the beginning. A forked
    # process reports for itself.
    #
    # @param on [Boolean]
    def report_at_exit=(on)
      watch(:report_at_exit, on ? true : false)
    end

    # The optional warnings, which are switched like those of Ruby's `Warning`.
    #
    # @example
    #   SafePointer.warnings[:freed_by_gc] = true
    #
    # @return [Module] {SafePointer::Diagnostics::Warnings}
    def warnings
      Diagnostics::Warnings
    end

    # Has the block called with each event: a pointer is made, released, or given away. For metrics.
    #
    # It is called on the thread where that happens, after it has happened and never inside GC. What the block itself
    # does, on its fiber and on those that it resumes, is no event, nor is the end of a pointer that it has made. An
    # error the block raises is reported with one warning, and disturbs nothing. What happens in a Ractor other than the
    # main one is no event either.
    #
    # Where GC has a pointer released, Ruby lets no Mutex be locked, nor a Monitor (ThreadError), as in the handler of a
    # signal. A Thread::Queue takes events there too, and with a {ReleaseQueue::Declaration#release_queue release_queue}
    # one can be locked.
    #
    # A pointer with `release_with` is made like the others while there are subscribers, with a little more to remember;
    # of one that was made before, the event of GC's release knows no class.
    #
    # @yieldparam event [SafePointer::Diagnostics::Event]
    # @raise [ArgumentError] if there is no block
    # @return [SafePointer::Diagnostics::Subscription] to end it with
    def subscribe(&block)
      Diagnostics::Subscription.add(block)
    end
  end

  case ENV.fetch("SAFE_POINTER_TRACE", "")
  when "", "0" then nil
  when "report" then self.trace = self.report_at_exit = true
  else self.trace = true
  end
end
