# frozen_string_literal: true

require "fileutils"
require_relative "crates"

# The licences of what is in a compiled extension, which ask to be shipped with it: of the crates that are linked, and
# of Rust's standard library, which is linked statically.
class Licenses
  # Of a crate that may be had under MIT or Apache-2.0, the MIT licence is the one we take.
  CRATE = /\A(?:LICEN[CS]E(?:-MIT)?|COPYING|NOTICE|COPYRIGHT)(?:\.(?:txt|md))?\z/i
  # Names of the standard library's parts, of their authors, and what licences they are under.
  LIBRARY = "COPYRIGHT-library.html"

  # `documents` is where Rust's own are.
  def initialize(crates, documents: File.join(Licenses.sysroot, "share/doc/rust"))
    @crates = crates
    @documents = documents
  end

  def self.sysroot
    sysroot = IO.popen(%w[rustc --print sysroot], &:read).chomp
    raise "rustc does not say where it is" unless $?.success?

    sysroot
  end

  # Where each file goes in the gem, and where it is.
  def files
    of_crates.merge(of_rust)
  end

  # Returns where each went, below `directory`.
  def copy_to(directory)
    files.map do |name, file|
      FileUtils.mkdir_p(File.join(directory, File.dirname(name)))
      FileUtils.cp(file, File.join(directory, name))
      name
    end
  end

  private

  # Our own crates have that of the gem.
  def of_crates
    others = @crates.linked("safe_pointer").select { |crate| crate["source"] }
    others.sort_by { |crate| crate["name"] }.map { |crate| of_crate(crate) }.reduce({}, :merge)
  end

  def of_crate(crate)
    name = crate.values_at("name", "version").join("-")
    directory = File.dirname(crate.fetch("manifest_path"))
    found = Dir.children(directory).grep(CRATE).sort
    raise "#{name} has no text of its licence: #{directory}" unless found.any? { |file| text?(directory, file) }

    found.to_h { |file| ["licenses/#{name}/#{file}", File.join(directory, file)] }
  end

  def text?(*path)
    File.read(File.join(*path), encoding: "UTF-8").include?("Permission is hereby granted, free of charge")
  end

  def of_rust
    library = File.join(@documents, LIBRARY)
    raise "this Rust has no #{LIBRARY}, which later ones have: #{@documents}" unless File.exist?(library)

    notices = File.read(library, encoding: "UTF-8")
    texts = Dir[File.join(@documents, "licenses/*.txt")].select do |file|
      notices.match?(/\b#{Regexp.escape(File.basename(file, ".txt"))}\b/)
    end
    raise "this Rust has no text of its licence: #{@documents}" unless texts.any? { |file| text?(file) }

    [library, *texts.sort].to_h { |file| ["licenses/rust/#{File.basename(file)}", file] }
  end
end
