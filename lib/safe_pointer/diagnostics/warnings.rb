# frozen_string_literal: true

class SafePointer
  module Diagnostics
    # Which of the optional warnings are given. They go where `Kernel#warn` has them go.
    #
    # - `:second_owner`: a pointer is made for an address that another one owns already, which one with
    #   `autorelease = false` does not. Off, as many owners are right where each has a reference of its own. Not given
    #   once there was a Ractor (see {SafePointer.live}).
    # - `:freed_by_gc`: GC had to release a pointer, as the program did not. Off, as that is what GC is for.
    # - `:self_capture`: a pointer is made with a release callable that refers to it, so that GC will never release it.
    #   On. Looked for once in a class, and with each pointer while {SafePointer.trace} is on.
    module Warnings
      CATEGORIES = %i[second_owner freed_by_gc self_capture].freeze
      private_constant :CATEGORIES

      class << self
        # @param category [Symbol]
        # @return [Boolean] whether it is given
        # @raise [ArgumentError] if there is no such warning
        def [](category)
          SafePointer.send(:watching?, check(category))
        end

        # @param category [Symbol]
        # @param on [Boolean]
        # @raise [ArgumentError] if there is no such warning
        def []=(category, on)
          SafePointer.send(:watch, check(category), on ? true : false)
          know_owners if category == :second_owner && on
        end

        # @return [Hash{Symbol => Boolean}]
        def to_h
          CATEGORIES.to_h { |category| [category, self[category]] }
        end

        private

        def check(category)
          return category if CATEGORIES.include?(category)

          raise ArgumentError, "unknown warning: #{category.inspect}, there are #{CATEGORIES.join(", ")}"
        end

        def know_owners
          SafePointer.live.filter_map(&:address).each { |address| SafePointer.send(:know_owner, address) }
        end
      end
    end

    class << self
      private

      # Called by the extension, when a pointer was made for an address that seems to have an owner.
      def check_owners(owner, pointer_class, address, callable)
        # With autorelease off, the memory is somebody else's to free, who may have done so.
        others = Live.all(except: owner).select { |entry| entry.address == address && entry.autorelease? }
        return if others.empty?

        owners = others.map { |other| describe_owner(other) }.join(" and by ")
        what = describe(Callable.owner_class(pointer_class, callable), address)
        warn_at(Backtrace.site, "#{what} is owned already, by #{owners}")
      end

      # Called by the extension, when GC has had a pointer released.
      def warn_of_gc(pointer_class, address, made_at, callable)
        owner_class = Callable.owner_class(pointer_class, callable)
        what = owner_class ? describe(owner_class, address) : "a pointer to #{hexadecimal(address)}"
        hint = "; SafePointer.trace = true tells where it was made" unless made_at
        SafePointer.send(:undisturbed) do
          warn_at(made_at&.first, "#{what} was freed by GC, not by you#{hint}")
        rescue StandardError
          # A program may turn warnings into errors. There is nobody here who could rescue one.
          nil
        end
      end

      # Called by the extension, when a pointer is about to be made.
      def check_capture(owner, callable)
        return unless owner.equal?(Capture.receiver(callable))

        what = SafePointer.send(:name_of, owner.class)
        warn_at(Backtrace.site, "GC will never release this #{what}: it is self in its release callable, which keeps " \
                                "it alive")
      end

      def warn_at(line, message)
        place = "#{Backtrace.place_of(line)}: warning: " if line
        warn "#{place}safe_pointer: #{message}"
      end

      def describe(pointer_class, address)
        SafePointer.send(:describe, pointer_class, address)
      end

      def hexadecimal(address)
        SafePointer.send(:hexadecimal, address)
      end

      def describe_owner(entry)
        site = entry.site
        made = " made at #{Backtrace.words(site)}" if site
        "#{SafePointer.send(:name_of, entry.pointer_class)}#{made}"
      end
    end
  end
end
