# frozen_string_literal: true

class SafePointer
  @release_error_handler = nil

  class << self
    # What to do with an error that a release raises at GC or at exit, where no caller could rescue it.
    # Without a handler there is one warning on stderr. The pointer counts as released either way.
    #
    # The handler runs on the thread the finalizer runs on, which may be any. Called without a block, this
    # goes back to the warning.
    #
    # @yieldparam error [Exception]
    # @yieldparam info [Hash] `class:` of the pointer, `address:` (Integer, or nil of what has none), `trigger:` (`:gc` or `:exit`)
    # @return [void]
    def on_release_error(&handler)
      @release_error_handler = handler
      nil
    end

    private

    # Called by the extension.
    def report_release_error(error, owner, address, trigger)
      return warn_of_release_error(error, owner, address, trigger) unless @release_error_handler

      begin
        @release_error_handler.call(error, { class: owner, address: address, trigger: trigger })
      rescue Exception => handler_error # rubocop:disable Lint/RescueException
        warn_of_release_error(error, owner, address, trigger)
        warn "safe_pointer: on_release_error raised #{describe_error(handler_error)}"
      end
    end

    def warn_of_release_error(error, owner, address, trigger)
      place = format(" address=0x%016x", address) if address
      warn "safe_pointer: release of #{owner}#{place} at #{trigger == :gc ? "GC" : "exit"} raised #{describe_error(error)}"
    end

    # Errors may carry anything as their message, and a `message` that raises itself.
    def describe_error(error)
      message = String(error.message).scrub.lines.first&.chomp
      [error.class, message].compact.join(": ")
    rescue StandardError
      error.class.to_s
    end
  end
end
