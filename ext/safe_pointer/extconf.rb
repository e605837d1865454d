# frozen_string_literal: true

require "mkmf"
require "rb_sys/mkmf"

create_rust_makefile("safe_pointer/safe_pointer") do |builder|
  builder.extra_cargo_args << "--locked"
end
