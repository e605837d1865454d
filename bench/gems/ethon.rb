# frozen_string_literal: true

require_relative "program"

# Requests with ethon, to a server that says what it was asked. Easy handles, multi handles, header lists and forms are
# AutoPointers.
class Client
  # Requests at once.
  AT_ONCE = 4

  def initialize(url)
    @url = url
  end

  # One at a time, freed by hand.
  def get(number)
    easy = request(number)
    easy.perform
    answer_of(easy)
  ensure
    easy.cleanup
  end

  # With a body, which libcurl otherwise sends only when the server has asked for it.
  def put(number)
    easy = Ethon::Easy.new(headers: { "X-Round" => number, "Expect" => "" })
    easy.http_request("#{@url}/#{number}", :put, body: "number #{number}")
    easy.perform
    answer_of(easy)
  ensure
    easy.cleanup
  end

  # Several at once, left to GC.
  def get_several(number)
    multi = Ethon::Multi.new
    easies = Array.new(AT_ONCE) { request(number) }
    easies.each { |easy| multi.add(easy) }
    multi.perform
    easies.sum { |easy| answer_of(easy) }
  end

  private

  def request(number)
    Ethon::Easy.new(url: "#{@url}/#{number}", headers: { "X-Round" => number, "Accept" => "text/plain" })
  end

  def answer_of(easy)
    easy.return_code == :ok or raise "libcurl says #{easy.return_code}"
    easy.response_body.bytesize
  end
end

COUNT = 2_000

Program.run("ethon") do |url|
  client = Client.new(url)
  bytes = Array.new(COUNT) do |number|
    client.get(number) + client.put(number) + (number % Client::AT_ONCE == 0 ? client.get_several(number) : 0)
  end
  ["ethon #{Ethon::VERSION}, libcurl #{Ethon::Curl.version[/[\d.]+/]}: #{COUNT * 3} requests on loopback", bytes.sum]
end
