# frozen_string_literal: true

class SafePointer
  # `ObjectSpace.undefine_finalizer` keeps GC and exit from releasing a pointer of `FFI::AutoPointer`, and programs
  # rely on it. Pointers of ours have no finalizer that it could take off.
  #
  # @api private
  module UndefineFinalizer
    def undefine_finalizer(object)
      super.tap { SafePointer.send(:disown, object) if FFI::Pointer === object }
    end
  end
end
