# frozen_string_literal: true

class SafePointer
  # When a release ran, in the words of the warning.
  RELEASE_OCCASIONS = {
    gc: "at GC",
    exit: "at exit",
    queue: "from a queue",
    lease: "after its last lease",
    child: "after its last child"
  }.freeze
  private_constant :RELEASE_OCCASIONS

  @release_error_handler = nil

  class << self
    # What to do with an error that a release raises where no caller could rescue it: at GC, at exit, and where it
    # had to wait for leases or children. Without a handler there is one warning on stderr. The pointer counts as
    # released either way.
    #
    # The handler runs on the thread the release ran on, which at GC may be any. In a Ractor it is called only if it
    # is shareable. Called without a block, this goes back to the warning.
    #
    # @yieldparam error [Exception]
    # @yieldparam info [Hash] `class:` of the pointer, `address:` (Integer, or nil of what has none), `trigger:` (`:gc`,
    #   `:exit`, `:queue`, `:lease` or `:child`), and of a traced pointer `made_at:` (Array of String, see {trace=})
    # @return [void]
    def on_release_error(&handler)
      @release_error_handler = handler
      nil
    end

    private

    # Called by the extension.
    def report_release_error(error, owner, address, trigger, made_at)
      info = { class: owner, address: address, trigger: trigger }
      info[:made_at] = made_at if made_at
      handler = release_error_handler
      return warn_of_release_error(error, info) unless handler

      begin
        handler.call(error, info.dup)
      rescue Exception => handler_error # rubocop:disable Lint/RescueException
        warn_of_release_error(error, info)
        warn "safe_pointer: on_release_error raised #{describe_error(handler_error)}"
      end
    end

    def release_error_handler
      @release_error_handler
    rescue Ractor::IsolationError
      nil
    end

    def warn_of_release_error(error, info)
      what = describe(info[:class], info[:address])
      occasion = RELEASE_OCCASIONS.fetch(info[:trigger])
      site = ", made at #{info[:made_at].first}" if info[:made_at]
      warn "safe_pointer: release of #{what}#{site} #{occasion} raised #{describe_error(error)}"
    end

    def describe(klass, address)
      place = format(" address=0x%016x", address) if address
      "#{name_of(klass)}#{place}"
    end

    # Errors may carry anything as their message, and a `message` that raises anything itself.
    def describe_error(error)
      name = name_of(error.class)
      begin
        message = String(error.message).scrub.lines.first&.chomp
        [name, message].compact.join(": ")
      rescue Exception # rubocop:disable Lint/RescueException
        name
      end
    end

    def name_of(klass)
      klass.to_s
    rescue Exception # rubocop:disable Lint/RescueException
      Module.instance_method(:to_s).bind_call(klass)
    end
  end
end
