# frozen_string_literal: true

# How many instructions a pointer may take, beside FFI::AutoPointer. Two runs differ by 0.02, and by 0.03 where pointers
# are left to GC.
module Limits
  # By ffi: before 1.16 its pointers are untyped data, without write barriers.
  TYPED = {
    "create and free" => { "release" => 0.56, "callable" => 0.58, "native" => 0.37 },
    "create and leave to GC" => { "release" => 0.57, "native" => 0.36 },
    "free of its own" => { "release" => 0.78, "native" => 0.80 }
  }.freeze
  UNTYPED = {
    "create and free" => { "release" => 0.64, "callable" => 0.66, "native" => 0.45 },
    "create and leave to GC" => { "release" => 0.68, "native" => 0.46 },
    "free of its own" => { "release" => 0.90, "native" => 0.93 }
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
