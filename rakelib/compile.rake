# frozen_string_literal: true

require "rb_sys/extensiontask"

# Always asks cargo, which knows what has changed in either crate.
RbSys::ExtensionTask.new("safe_pointer") do |ext|
  ext.lib_dir = "lib/safe_pointer"
end
