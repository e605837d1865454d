# frozen_string_literal: true

# A `free` of the class's own runs without a claim.
SafePointer::Guard.define_singleton_method(:free) { |_pointer, _name, &body| body.call }
