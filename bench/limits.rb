# frozen_string_literal: true

# How many instructions a pointer may take, beside FFI::AutoPointer.
module Limits
  # By ffi: before 1.16 its pointers are untyped data, without write barriers.
  TYPED = Gem::Version.new(FFI::VERSION) >= Gem::Version.new("1.16")
  ALL = {
    "create and free" => { "release" => 0.80, "callable" => 0.80, "native" => TYPED ? 0.33 : 0.38 },
    "create and leave to GC" => { "release" => TYPED ? 0.80 : 0.97, "native" => TYPED ? 0.33 : 0.40 },
    "free of its own" => { "release" => 1.00, "native" => 1.00 }
  }.freeze

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
