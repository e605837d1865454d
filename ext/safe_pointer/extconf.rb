# frozen_string_literal: true

require_relative "toolchain"

problem = Toolchain.engine_problem || Toolchain.rust_problem
abort problem if problem
advice = Toolchain.libclang_advice
puts advice if advice

# Other engines may have neither.
require "mkmf"
require "rb_sys/mkmf"

create_rust_makefile("safe_pointer/safe_pointer") do |builder|
  builder.extra_cargo_args << "--locked"
end
