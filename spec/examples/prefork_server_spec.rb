# frozen_string_literal: true

require_relative "program"

# A server that forks workers while it has a connection in a handle of libcurl's. The
# mail server at the other end counts connections.
RSpec.describe "examples/prefork_server" do
  include_context "with the program of an example", "prefork_server"

  # The cells of a row: FFI::AutoPointer, :release and :discard.
  def cells(title)
    @output[/^#{Regexp.escape(title)} {2,}(.*)$/, 1].to_s.split
  end

  it "has all requests answered" do
    expect(cells("web requests answered")).to eq(%w[12 12 12]), @output
  end

  it "has the master alone release what it made before the fork, under :discard" do
    expect(cells("releases of the master's handle")).to eq(%w[4 4 1]), @output
  end

  it "has each worker release its own" do
    expect(cells("releases of the workers' own handles")).to eq(%w[3 3 3]), @output
  end

  it "keeps the master's connection beyond the end of the workers, under :discard" do
    expect(cells("the master's connection, says libcurl")).to eq(%w[lost lost kept]), @output
    expect(cells("connections, says the mail server")).to eq(%w[5 5 4]), @output
  end
end
