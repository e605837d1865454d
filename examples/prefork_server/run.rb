# frozen_string_literal: true

# A preforking web server whose master has a native resource: a connection to a mail
# server, in a handle of libcurl's. Forked workers have a copy of the handle, and when
# they end, they must leave the connection to the master. The mail server is the
# witness, and so is libcurl, which knows whether it had to connect anew.
#
#   ruby -I lib examples/prefork_server/run.rb
#
# Exits with 0 if with `fork_policy :discard` the master alone released its handle and
# its connection outlived the workers, and otherwise it did not; and with 1 if not.

require "open3"
require "rbconfig"
require_relative "mail_server"

SERVER = File.expand_path("server.rb", __dir__)
LIB = File.expand_path("../../lib", __dir__)
REQUESTS = 12
WORKERS = 3

# One run of the server.
class Run
  attr_reader :answers

  def initialize(base, policy)
    mail_server = MailServer.new
    command = [RbConfig.ruby, "-I", LIB, SERVER, base, policy, mail_server.port.to_s]
    Open3.popen2(*command) do |input, output, process|
      story = output.each_line.take_while { |line| !(@port = line[/\Agood: port (\d+)/, 1]) }
      abort "The server with #{base} and #{policy} did not start." unless @port
      @answers = Array.new(REQUESTS) { ask }
      input.close
      @story = story + output.readlines
      process.value.success? or abort "The server with #{base} and #{policy} ended with #{process.value}."
    end
    @mail = mail_server.requests
  end

  # The master's handle is the first, and each worker's own is its second.
  def releases(handle) = @story.count("released #{handle}\n")
  def kept?            = @story.include?("good: connection kept\n")
  def connections      = @mail.size
  def mail_requests    = @mail.sum
  def faults           = @story.grep(/\Abad: /)

  private

  def ask
    TCPSocket.open("127.0.0.1", Integer(@port)) do |socket|
      socket.write("GET / HTTP/1.1\r\n\r\n")
      socket.read[/\A.*? 200 OK\r\n.*\r\n\r\n(.*)/m, 1]
    end
  end
end

WIDTHS = [46, 16, 20, 20].freeze

def row(*cells)
  cells.zip(WIDTHS).map { |cell, width| cell.to_s.ljust(width) }.join("  ").rstrip
end

columns = { "FFI::AutoPointer" => %w[FFI::AutoPointer release],
            "fork_policy :release" => %w[SafePointer release],
            "fork_policy :discard" => %w[SafePointer discard] }
runs = columns.values.map { |arguments| Run.new(*arguments) }

rule = row(*WIDTHS.map { |width| "-" * width })
puts "A master and #{WORKERS} workers, with a connection to a mail server each:", "",
     row("", *columns.keys), rule,
     row("web requests answered", *runs.map { |run| run.answers.count("kept") }),
     row("releases of the master's handle", *runs.map { |run| run.releases(1) }),
     row("releases of the workers' own handles", *runs.map { |run| run.releases(2) }),
     row("the master's connection, says libcurl", *runs.map { |run| run.kept? ? "kept" : "lost" }),
     row("connections, says the mail server", *runs.map(&:connections)),
     row("requests to it", *runs.map(&:mail_requests)), rule, ""

*others, discard = runs
faults = runs.flat_map(&:faults)
abort faults.join unless faults.empty?
abort "Unexpected: not every request was answered." unless runs.all? { |run| run.answers.count("kept") == REQUESTS }
abort "Unexpected: a worker did not release its own." unless runs.all? { |run| run.releases(2) == WORKERS }
abort "Unexpected: the master's connection outlived workers that had released it." if others.any?(&:kept?)
unless discard.kept? && discard.releases(1) == 1 && discard.connections == 1 + WORKERS
  abort "Unexpected: with :discard the master's connection was not left to the master."
end

puts "Whoever releases a copy of the handle says goodbye to the mail server on the master's connection.",
     "With `fork_policy :discard` the workers left it alone, and released what they had made themselves."
