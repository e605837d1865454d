# frozen_string_literal: true

require "tmpdir"
require_relative "gem_examples"

RSpec.describe "gssapi" do
  # Kerberos as far as it goes without a server.
  def run_program(replaced)
    Dir.mktmpdir do |directory|
      keytab = File.join(directory, "keytab")
      File.binwrite(keytab, keytab_of("SPEC.TEST", %w[host service.test], "k" * 32))
      configuration = File.join(directory, "krb5.conf")
      File.write(configuration, "[libdefaults]\n default_realm = SPEC.TEST\n dns_canonicalize_hostname = false\n")
      env = {"KRB5_CONFIG" => configuration, "KRB5CCNAME" => "MEMORY:"}
      GemProgram.run("gssapi", replaced, keytab, env: env)
    end
  end

  # MIT's file format, version 2: one entry with a key for aes256-cts-hmac-sha1-96.
  def keytab_of(realm, components, key)
    names = [realm, *components].map { |name| [name.bytesize, name].pack("na*") }.join
    entry = [components.size].pack("n") + names + [3, 0, 1, 18, key.bytesize, key].pack("NNCnna*")
    [5, 2, entry.bytesize, entry].pack("CCNa*")
  end

  include_examples "a gem that uses FFI::AutoPointer", kinds: %i[name credential text], counted: :pointers
end
