# frozen_string_literal: true

# Requests with ethon, whose easy handles, multi handles, header lists and forms are AutoPointers.

require_relative "program"
require_relative "ledger"

# Asks the server for this and that, and checks the answers. Handles are left to GC, freed, and freed twice.
class Client
  attr_reader :jobs

  def initialize(url)
    @url = url
    @jobs = %i[get post upload several]
  end

  def prepare
    require_relative "curl_memory"
    CurlMemory.provide
    ledger = Ledger.new(Ethon::Curl)
    ledger.returned(:easy, :easy_init)
    ledger.returned(:multi, :multi_init)
    ledger.returned(:headers, :slist_append) { |_, list| list.nil? }
    ledger.stored(:form, :formadd, 0)
    ledger.released(:easy, :easy_cleanup)
    ledger.released(:multi, :multi_cleanup)
    ledger.released(:headers, :slist_free_all)
    ledger.released(:form, :formfree)
  end

  def account
    {blocks: CurlMemory.live, files: Dir.children("/proc/self/fd").size}
  end

  def get(round)
    Array.new(3) do
      easy = prepare_get(round)
      easy.perform
      check_get(easy, round)
    end
  end

  def post(round)
    easy = request(round, body: {name: "round #{round}"})
    Program.check("POST /#{round}\n#{round}\nname=round%20#{round}", easy.response_body)
    easy.cleanup
    easy
  end

  def upload(round)
    Array.new(3) do |times|
      easy = File.open(__FILE__) { |file| request(round, body: {name: "round #{round}", file: file}) }
      parts = easy.response_body.scan(/name="(\w+)".*?\r\n\r\n(.*?)\r\n--/m).to_h
      Program.check({"name" => "round #{round}", "file" => File.read(__FILE__)}, parts)
      times.times { clean_up(easy) }
      easy
    end
  end

  def several(round)
    Array.new(3) do
      multi = Ethon::Multi.new
      easies = Array.new(2) { prepare_get(round).tap { |easy| multi.add(easy) } }
      multi.perform
      [multi, *easies.each { |easy| check_get(easy, round) }]
    end
  end

  private

  # ethon 0.19 raises the second time, where earlier versions do it again.
  def clean_up(easy)
    easy.cleanup
  rescue StandardError => error
    raise unless error.message == "Easy has been cleaned up"
  end

  def prepare_get(round)
    easy = Ethon::Easy.new(url: "#{@url}/#{round}", headers: {"X-Round" => "to be replaced"})
    easy.headers = {"X-Round" => round, "X-More" => "more"}
    easy
  end

  def check_get(easy, round)
    Program.check("GET /#{round}\n#{round}\n", easy.response_body)
    easy
  end

  def request(round, body:)
    easy = Ethon::Easy.new(headers: {"X-Round" => round})
    # In a variable: nothing else keeps the form, which libcurl uses until the request is done.
    post = Ethon::Easy::Http::Post.new("#{@url}/#{round}", body: body)
    post.setup(easy)
    easy.perform
    Program.check([:ok, "#{@url}/#{round}"], [easy.return_code, post.url])
    easy
  end
end

Program.run("ethon", Client.new(ARGV.fetch(1)), rounds: 40)
