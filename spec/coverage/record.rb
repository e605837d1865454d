# frozen_string_literal: true

# Loaded by each Ruby that bin/coverage starts: leaves in a file of its own which lines of the library have run. A
# process that forks hands on what has run before. One that is killed leaves nothing.
require "coverage"

Coverage.start(oneshot_lines: true)

module CoverageRecord
  ROOT = ENV.fetch("COVERAGE_OF")
  DIRECTORY = ENV.fetch("COVERAGE_IN")
  # The library releases what is left in the second round of finalizers at the end of the process.
  ROUNDS = 3
  private_constant :ROOT, :DIRECTORY, :ROUNDS

  class << self
    def write
      return unless Coverage.running?

      lines = Coverage.peek_result.select { |path, _| path.start_with?("#{ROOT}lib/") }
      lines = lines.to_h { |path, result| [path.delete_prefix(ROOT), result[:oneshot_lines]] }
      file = "#{Process.pid}-#{Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)}"
      File.binwrite(File.join(DIRECTORY, file), Marshal.dump(lines))
    end

    # What is defined last, Ruby calls first; from 4.0 on, what is defined first.
    def watch_end
      finalizer { go_on }
      at_exit { finalizer { go_on and write_later(ROUNDS - 1) } }
    end

    private

    def finalizer(&)
      @objects ||= []
      ObjectSpace.define_finalizer(@objects.push(Object.new).last, proc(&))
    end

    # When all at_exit blocks have been called, Ruby takes the hooks away.
    def go_on
      Coverage.suspend
      Coverage.resume
      true
    end

    def write_later(rounds)
      finalizer { rounds == 1 ? write : write_later(rounds - 1) }
    end
  end

  # Calls no finalizer.
  module Exit
    def exit!(*)
      CoverageRecord.write
      super
    end
  end

  Process.singleton_class.prepend(Exit)
  Kernel.singleton_class.prepend(Exit)
  # Not prepended: YJIT of Ruby 4.0 begins after this file, and aborts where Kernel's own methods are not in Kernel itself.
  Kernel.module_eval do
    exit_at_once = instance_method(:exit!)
    remove_method :exit!
    define_method(:exit!) do |*arguments|
      CoverageRecord.write
      exit_at_once.bind_call(self, *arguments)
    end
    private :exit!
  end

  watch_end
end
