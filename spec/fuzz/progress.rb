# frozen_string_literal: true

module Fuzz
  # Whether a process gets on: as long as it logs or any of its threads, or those of its children, is scheduled. How
  # long that takes is of no concern.
  #
  # One that only spins uses up processor time without a step that ends; it may have much of that.
  class Progress
    CHECKS = 20
    PROCESSOR_SECONDS = 90
    TICKS = 100.0

    def initialize(pid, log, checks = CHECKS)
      @pid = pid
      @log = log
      @checks = checks
      @idle = 0
      @last = nil
      @ticks_at_log = 0
    end

    # To be asked now and then. :idle where nothing has happened in many checks, :spins, or nil.
    def stuck
      @running = 0
      switches, ticks = *scheduled
      size = File.size(@log)
      @ticks_at_log = ticks if size != @size
      @size = size
      now = [size, switches, ticks]
      @idle = now == @last && @running.zero? ? @idle + 1 : 0
      @last = now
      return :idle if @idle >= @checks

      :spins if (ticks - @ticks_at_log) / TICKS > PROCESSOR_SECONDS
    end

    private

    def scheduled
      processes = [@pid, *descendants(@pid)]
      threads = processes.flat_map { |pid| threads(pid) }
      [threads.sum { |thread| switches(thread) }, processes.sum { |pid| ticks(pid) }]
    end

    # None of a process that ends right now.
    def threads(pid)
      Dir["/proc/#{pid}/task/*"]
    rescue SystemCallError
      []
    end

    # One that could run, and has not been given the processor, is not stuck.
    def switches(thread)
      status = File.read("#{thread}/status")
      @running += 1 if status.match?(/^State:\s+[RD]/)
      status.scan(/ctxt_switches:\s+(\d+)/).flatten.sum(&:to_i)
    rescue SystemCallError
      0
    end

    def ticks(pid)
      File.read("/proc/#{pid}/stat")[/.*\) (.*)/, 1].split.values_at(11, 12).sum(&:to_i)
    rescue SystemCallError
      0
    end

    def descendants(pid)
      children = threads(pid).flat_map { |thread| read_children("#{thread}/children") }
      children.flat_map { |child| [child, *descendants(child)] }
    end

    def read_children(file)
      File.read(file).split.map(&:to_i)
    rescue SystemCallError
      []
    end
  end
end
