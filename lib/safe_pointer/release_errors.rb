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
  # What Ruby says of a Mutex that is to be locked in a finalizer at GC.
  NO_MUTEX = ["can't be called from trap context", "deadlock; recursive locking"].freeze
  # What Ruby has for errors, and not for the end of more than what raises.
  ERRORS = [StandardError, ScriptError, NoMemoryError, SystemStackError, SecurityError].freeze
  # When Ruby asks for the release.
  NOBODY_TO_RESCUE = %i[gc exit].freeze
  private_constant :RELEASE_OCCASIONS, :NO_MUTEX, :ERRORS, :NOBODY_TO_RESCUE

  @release_error_handler = nil

  class << self
    # What to do with an error that a release raises where no caller could rescue it: at GC, at exit, and where it
    # had to wait for leases or children. Without a handler there is one warning on stderr. The pointer counts as
    # released either way.
    #
    # The handler runs on the thread the release ran on, which at GC may be any. After a collection that has begun by
    # itself Ruby lets no Mutex be locked there, as in the handler of a signal: then the handler runs on a thread of the
    # library, and the program goes on when it has been called, or at most 0.05 seconds later. So it may use a Logger.
    # Where more than 1,000 errors wait for it, there is the warning instead.
    # In a Ractor the handler is called only if it is shareable. Called without a block, this goes back to the warning.
    #
    # @yieldparam error [Exception]
    # @yieldparam info [Hash]
    #   - `class:` of the pointer, or of the struct that has made it;
    #   - `address:` (Integer, or nil of what has none);
    #   - `trigger:` (`:gc`, `:exit`, `:queue`, `:lease` or `:child`);
    #   - `release:` is the method or block that was called (String, or nil of a {FinalizationRegistry});
    #   - `raised_at:` is the first line of the error's backtrace (String, or nil where there is none);
    #   - `made_at:` only of a traced pointer (Array of String, see {trace=})
    # @return [void]
    def on_release_error(&handler)
      @release_error_handler = handler
      nil
    end

    private

    # Called by the extension.
    def report_release_error(error, pointer_class, address, trigger, made_at, callable)
      info = { class: Callable.owner_class(pointer_class, callable), address: address, trigger: trigger,
               **release_error_places(error, pointer_class, callable) }
      info[:made_at] = made_at if made_at
      handler = release_error_handler
      return warn_of_release_error(error, info) unless handler

      called = TrapContext.leave do |elsewhere|
        call_release_error_handler(handler, error, info, elsewhere || NOBODY_TO_RESCUE.include?(trigger))
      end
      warn_of_release_error(error, info) unless called
    end

    # What is to end more than the handler goes on its way, where it comes out in the midst of the program.
    def call_release_error_handler(handler, error, info, nobody_to_rescue)
      handler.call(error, info.dup)
    rescue Exception => handler_error # rubocop:disable Lint/RescueException
      warn_of_release_error(error, info)
      raise unless nobody_to_rescue || ERRORS.any? { |klass| klass === handler_error }

      warn "safe_pointer: on_release_error raised #{describe_error(handler_error, info[:trigger])}"
    end

    def release_error_handler
      @release_error_handler
    rescue Ractor::IsolationError
      nil
    end

    def release_error_places(error, pointer_class, callable)
      undisturbed do
        line = Exception.instance_method(:backtrace).bind_call(error)&.first
        { release: Callable.words(callable, pointer_class), raised_at: line && first_line(line) }
      end
    end

    def warn_of_release_error(error, info)
      what = describe(info[:class], info[:address])
      made_at = info[:made_at]&.first
      made = ", made at #{first_line(made_at)}," if made_at
      occasion = RELEASE_OCCASIONS.fetch(info[:trigger])
      release = " by #{info[:release]}" if info[:release]
      place = " (#{info[:raised_at]})" if info[:raised_at]
      error = describe_error(error, info[:trigger], place)
      warn "safe_pointer: release of #{what}#{made}#{release} #{occasion} raised #{error}"
    end

    def describe(klass, address)
      place = " address=#{hexadecimal(address)}" if address
      "#{name_of(klass)}#{place}"
    end

    # With as many digits as ffi gives an address.
    def hexadecimal(address)
      format("0x%0*x", FFI::Pointer.size * 2, address)
    end

    # What an error is that a release by `trigger` has raised, at `place`, and what to do about it.
    def describe_error(error, trigger = nil, place = nil)
      name = name_of(Kernel.instance_method(:class).bind_call(error))
      message = message_of(error)
      hint = "; with a release_queue it may lock a Mutex" if trigger == :gc && NO_MUTEX.include?(message)
      "#{[name, message].compact.join(": ")}#{place}#{hint}"
    end

    # Errors may carry anything as their message, and a `message` that raises anything itself.
    def message_of(error)
      undisturbed do
        first_line(String(error.message))
      rescue Exception # rubocop:disable Lint/RescueException
        nil
      end
    end

    def name_of(klass)
      undisturbed do
        first_line(klass.to_s)
      rescue Exception # rubocop:disable Lint/RescueException
        Module.instance_method(:to_s).bind_call(klass)
      end
    end

    # Interrupts wait meanwhile: where anything that is raised is rescued, the end of a thread would be lost.
    def undisturbed(&)
      Thread.handle_interrupt(Object => :never, &)
    end

    # In an encoding that can be put together with others.
    def first_line(text)
      text = String.new(text)
      text.force_encoding(Encoding::UTF_8) if text.encoding == Encoding::BINARY
      text.encode(Encoding::UTF_8, invalid: :replace, undef: :replace).lines.first&.chomp
    end
  end
end
