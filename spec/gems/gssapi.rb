# frozen_string_literal: true

# Names, credentials and messages of Kerberos with gssapi, where the first two are AutoPointers, as are contexts, and
# buffers are ManagedStructs. The library keeps no account of what it has alive.
#
# No context is ever established: version 1.2.0 passes gss_delete_sec_context the handle instead of its address, and
# MIT's library then writes to the context that it has just freed.

require_relative "program"
require_relative "ledger"

# A party whose service has its key in a keytab, and who is never given a token that is one.
class Party
  HOST = "service.test"
  private_constant :HOST

  attr_reader :jobs

  def initialize(keytab)
    @keytab = keytab
    @jobs = %i[names credentials refused_as_client refused_as_server]
  end

  def prepare
    ledger = Ledger.new(GSSAPI::LibGSSAPI)
    ledger.stored(:name, :gss_import_name, 3)
    ledger.stored(:credential, :gss_acquire_cred, 5)
    ledger.stored(:text, :gss_display_status, 5, offset: FFI::Pointer.size)
    ledger.released(:name, :gss_release_name, 1)
    ledger.released(:credential, :gss_release_cred, 1)
    ledger.released(:text, :gss_release_buffer, 1, offset: FFI::Pointer.size)
  end

  def account
    {}
  end

  # Left to GC, freed, and freed twice.
  def names(round)
    party = GSSAPI::Simple.new(HOST, "spec#{round}")
    [party, *Array.new(3) { |times| party.import_name(HOST).tap { |name| times.times { name.free } } }]
  end

  def credentials(_round)
    Array.new(3) { GSSAPI::Simple.new(HOST, "host", @keytab).tap(&:acquire_credentials) }
  end

  def refused_as_client(_round)
    party = GSSAPI::Simple.new(HOST)
    [party, refusal(/No Kerberos credentials available/) { party.init_context }]
  end

  def refused_as_server(round)
    party = GSSAPI::Simple.new(HOST, "host", @keytab)
    party.acquire_credentials
    [party, refusal(/Unspecified GSS failure/) { party.accept_context("nonsense #{round}") }]
  end

  private

  def refusal(message)
    yield
    raise "accepted"
  rescue GSSAPI::GssApiError => error
    Program.check(true, error.message.match?(message))
    error
  end
end

Program.run("gssapi", Party.new(ARGV.fetch(1)), rounds: 40)
