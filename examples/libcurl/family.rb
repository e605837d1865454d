# frozen_string_literal: true

require_relative "multi"
require_relative "server"

SERVER = Server.new

# A share, headers, and two transfers that have taken place, with these.
def share_family
  share = Share.new
  headers = Headers.new("X-Name: Ada", parent: share)
  first, second = Array.new(2) { Easy.new(SERVER.url, headers).tap { |easy| easy.share(share) } }
  [first, second].each(&:perform)
  expect_bodies("Ada, no Cookie" => first, "Ada, visited=yes" => second)
  [share, headers, first, second]
end

# The same with a multi handle, and the two at once.
def multi_family
  multi = Multi.new
  headers = Headers.new("X-Name: Bob", parent: multi)
  transfers = Array.new(2) { MultiEasy.new(multi, SERVER.url, headers) }
  multi.perform
  transfers.each { |easy| expect_bodies("Bob, no Cookie" => easy) }
  [multi, headers, *transfers]
end

def expect_bodies(expected)
  expected.each do |body, easy|
    Ledger.bad "the server's answer was #{easy.body.inspect}" unless easy.body == body
  end
end
