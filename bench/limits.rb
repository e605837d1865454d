# frozen_string_literal: true

# How many instructions a pointer may take, beside FFI::AutoPointer. That one's own figure varies by 4 percent, with the
# number of collections that come in the way.
module Limits
  # By ffi: before 1.16 its pointers are untyped data, without write barriers.
  TYPED = {
    "create and free" => { "release" => 0.56, "callable" => 0.61, "native" => 0.36 },
    "create and leave to GC" => { "release" => 0.62, "native" => 0.40 },
    "free of its own" => { "release" => 0.72, "native" => 0.82 }
  }.freeze
  UNTYPED = {
    "create and free" => { "release" => 0.66, "callable" => 0.68, "native" => 0.43 },
    "create and leave to GC" => { "release" => 0.68, "native" => 0.40 },
    "free of its own" => { "release" => 0.91, "native" => 1.02 }
  }.freeze
  ALL = Gem::Version.new(FFI::VERSION) >= Gem::Version.new("1.16") ? TYPED : UNTYPED

  module_function

  def cover?(workload, contender)
    limits = ALL[workload]
    limits && (contender == Table::BASE || limits.key?(contender))
  end

  # Exits with 1 if one is exceeded.
  def check(table)
    exceeded = ALL.flat_map do |workload, limits|
      limits.filter_map do |contender, limit|
        ratio = table.ratio(workload, contender)
        format("%s, %s: %.2f, and the limit is %.2f", workload, contender, ratio, limit) if ratio > limit
      end
    end
    abort ["", *exceeded].join("\n") unless exceeded.empty?
  end
end
