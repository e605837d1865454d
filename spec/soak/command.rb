# frozen_string_literal: true

require "open3"
require "optparse"
require "rbconfig"
require "socket"
require_relative "../support/duration"
require_relative "chart"
require_relative "sample"
require_relative "verdict"

module Soak
  # The command line: runs the application, sends it requests, and reads its samples.
  class Command
    CLIENTS = 4

    def initialize(arguments)
      @seconds = 60
      OptionParser.new do |options|
        options.banner = "Usage: bin/soak [OPTIONS]"
        options.on("--for TIME", Duration::PATTERN, "for how long: 90s, 10m, 1h (1m)") do |time|
          @seconds = Duration.parse(time)
        end
        options.on("--requests N", Integer, "how many requests, instead of a time") { |n| @requests = n }
        options.on("--chart FILE", "draws the figures, as SVG; takes gnuplot") { |path| @chart = path }
        options.on("--plant NAME", "a fault from spec/soak/plants, to see that it is found") do |name|
          @plant = File.join(__dir__, "plants", "#{name}.rb")
        end
      end.parse!(arguments)
    end

    # Whether all figures were flat, and nothing else went wrong.
    def run
      @samples = []
      @faults = []
      start = now
      @end = start + @seconds
      @sent = 0
      status = Open3.popen3(*server, pgroup: true) { |*streams, process| watch(*streams, process) }
      @faults << "The application ended with #{status}." unless status.success?
      @faults.concat(Verdict.new(@samples).faults)
      report(now - start)
      @faults.empty?
    end

    private

    def server
      [RbConfig.ruby, *$LOAD_PATH.map { |path| "-I#{path}" }, File.join(__dir__, "server.rb"), "SafePointer", *@plant]
    end

    def watch(input, output, errors, process)
      complaints = Thread.new { errors.read }
      port, *kinds = (output.gets || abort(complaints.value)).split
      clients = Array.new(CLIENTS) { Thread.new { load(Integer(port), kinds, process) } }
      # What is no sample is a complaint of Vulkan's validation layer.
      reader = Thread.new { output.each_line { |line| line.start_with?("{") ? read(line) : @faults << line.chomp } }
      sleep 0.1 while more? && process.alive?
      input.close
      clients.each(&:join)
      process.value
    ensure
      end_workers(process)
      [complaints, reader].compact.each(&:join)
      @faults << complaints.value unless complaints.value.empty?
    end

    # Those of an application that has not waited for them.
    def end_workers(process)
      Process.kill(:KILL, -process.pid)
    rescue Errno::ESRCH
      nil
    end

    def more? = @requests ? @sent < @requests : now < @end

    def read(line) = @samples << Sample.parse(line)

    # Until the application has ended.
    def load(port, kinds, process)
      while process.alive?
        kind = kinds[(@sent += 1) % kinds.size]
        begin
          TCPSocket.open("127.0.0.1", port) do |socket|
            socket.write("GET /#{kind} HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = socket.read
            @faults << "#{kind} was answered by #{answer.inspect}" if more? && !answer.include?(" 200 OK")
          end
        rescue SystemCallError => e
          @faults << "#{kind} was not answered: #{e.message}" if more?
        end
      end
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

    def report(seconds)
      puts "#{@sent} requests in #{seconds.round} s, Ruby #{RUBY_VERSION}, ffi #{FFI::VERSION}", ""
      @samples.group_by(&:process).each do |process, samples|
        first, last = samples.values_at(samples.size / 5, -1)
        released = last.released.reject { |_, count| count.zero? }.map { |cause, count| "#{cause} #{count}" }
        puts "#{process}, #{samples.size} samples: #{first.bytes / 1024} to #{last.bytes / 1024} KiB, " \
             "#{first.live} to #{last.live} alive; released: #{released.join(", ")}"
      end
      puts "", @faults.empty? ? "flat" : @faults
      Chart.new(@samples, "#{@sent} requests, Ruby #{RUBY_VERSION}").save(@chart) if @chart
    end
  end
end
