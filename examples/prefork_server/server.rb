# frozen_string_literal: true

# A preforking web server: the master opens the port and a mail connection, and forks
# workers that share the port. It says which port, serves until its input ends, and
# says then whether its mail connection is still there. The arguments are the base
# class of pointers, the fork policy, and the port of the mail server:
#
#   ruby -I lib examples/prefork_server/server.rb SafePointer discard 2525

require "socket"
require_relative "worker"

WORKERS = 3
MAIL_PORT = Integer(ARGV.fetch(2))

def start_worker(socket, ready)
  fork do
    trap(:TERM) { exit }
    worker = Worker.new(socket, MAIL_PORT)
    ready.write(".")
    worker.run
  end
end

socket = TCPServer.new("127.0.0.1", 0)
mail = MailConnection.new(MAIL_PORT)
mail.perform

ready, tell = IO.pipe
workers = Array.new(WORKERS) { start_worker(socket, tell) }
ready.read(WORKERS)
Ledger.good "port #{socket.local_address.ip_port}"

$stdin.read
workers.each do |pid|
  Process.kill(:TERM, pid)
  _, status = Process.wait2(pid)
  Ledger.bad "a worker ended with #{status}" unless status.success?
end
mail.perform
Ledger.good(mail.kept? ? "connection kept" : "connection lost")
