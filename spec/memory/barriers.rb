# frozen_string_literal: true

# Takes the write barriers of barriers.yml out of a copy of the library, one after the other, and sees that the Ruby that
# runs this, which has to be built to look for them, finds each missing, and finds nothing where all are there.
require "open3"
require "rbconfig"
require_relative "../mutants/copy"

module Memory
  ROOT = File.expand_path("../..", __dir__)
  PROGRAMS = File.join(__dir__, "plants/barriers.rb")
  BARRIERS = Mutants::Mutation.of(File.join(__dir__, "barriers.yml"))

  # What a program says, and how it ends.
  def self.run(copy, program)
    Open3.capture2e(RbConfig.ruby, "-I", File.join(copy.directory, "lib"), PROGRAMS, program, rlimit_core: 0)
  end

  def self.check_whole(copy)
    copy.compile
    BARRIERS.map(&:caught_by).uniq.each do |program|
      output, status = run(copy, program)
      abort "#{program} fails without a mistake:\n#{output[0, 2_000]}" unless status.success? && output.empty?
    end
  end

  def self.found?(copy, barrier)
    output, status = copy.with(barrier) { run(copy, barrier.caught_by) }
    found = status.termsig == Signal.list["ABRT"] && output[/^.*WB miss.*/]
    puts "#{barrier.name}: #{found || "not found: #{output[0, 2_000]}"}"
    found
  end
end

$stdout.sync = true
copy = Mutants::Copy.new(Memory::ROOT, File.join(Memory::ROOT, "tmp/barriers"))
Memory.check_whole(copy)
missed = Memory::BARRIERS.reject { |barrier| Memory.found?(copy, barrier) }
abort "Not found to be missing: #{missed.map(&:name).join(" ")}" unless missed.empty?
