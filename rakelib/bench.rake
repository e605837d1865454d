# frozen_string_literal: true

desc "Measure what a pointer costs, beside FFI::AutoPointer"
task(:bench) { sh "bin/bench" }
