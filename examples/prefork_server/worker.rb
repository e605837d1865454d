# frozen_string_literal: true

require_relative "mail_connection"

# Answers web requests, one after the other, until it is told to go. It has a mail
# connection of its own.
class Worker
  def initialize(socket, mail_port)
    @socket = socket
    @mail = MailConnection.new(mail_port)
    @mail.perform
  end

  def run
    loop { answer(@socket.accept) }
  end

  private

  def answer(client)
    client.each_line.take_while { |line| line != "\r\n" }
    @mail.perform
    client.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n#{@mail.kept? ? "kept" : "new"}")
  ensure
    client.close
  end
end
