# frozen_string_literal: true

class SafePointer
  module AutoPointer
    # What a program has made of the methods of `FFI::AutoPointer` before they are replaced: wrappers, and aliases of
    # ffi's methods. The wrappers stay, and the aliases become those of what is in the place of ffi's method.
    #
    # @api private
    module Patches
      STOCK = "/ffi/autopointer.rb"
      # The name of a new method, for a moment.
      NEW = :__safe_pointer_new
      private_constant :STOCK, :NEW

      class << self
        # Runs the block, which replaces methods of `owner`. `heirs` are the classes that inherit from it.
        def keep(owner, heirs)
          before = methods_of(owner)
          yield
          replaced = before.reject { |name, method| own(owner, name) == method }
          aliased = replaced.keys & [owner, *heirs].flat_map { |place| renew_aliases(place, owner, replaced) }
          replaced.each do |name, wrapper|
            next if stock?(wrapper)

            aliased.include?(name) ? put_back(owner, name, wrapper) : warn_of(owner, name, wrapper)
          end
        end

        private

        # Returns the names of the methods that `place` has aliases of, without those that cannot be renewed.
        def renew_aliases(place, owner, replaced)
          aliases = methods_of(place).select do |name, method|
            name != method.original_name && stock?(method) && replaced.key?(method.original_name)
          end
          frozen = Guard::Reflection.call(place, :frozen?)
          aliases.filter_map do |name, method|
            next Guard::Frozen.warn_of(place, name, "still that of ffi") if frozen

            keeping_visibility(place, name) { lead(place, name, owner, method.original_name) }
            method.original_name
          end
        end

        # By an alias of an alias: a copy of the method would call its own `super`, and `place` may have a method
        # `original` of its own.
        def lead(place, name, owner, original)
          owner.alias_method(NEW, original)
          Guard::Reflection.call(place, :alias_method, name, NEW)
          owner.send(:remove_method, NEW)
        end

        def put_back(owner, name, wrapper)
          keeping_visibility(owner, name) { owner.define_method(name, wrapper) }
        end

        def warn_of(owner, name, wrapper)
          place = " from #{wrapper.source_location.join(":")}" if wrapper.source_location
          warn "safe_pointer: #{owner.inspect} has a #{name} of its own#{place}, which does not keep ffi's under " \
               "another name: it is replaced, too"
        end

        def keeping_visibility(place, name)
          visibility = %i[private protected public].find do |each|
            Guard::Reflection.call(place, :"#{each}_method_defined?", name, false)
          end
          yield
          Guard::Reflection.call(place, visibility, name)
        end

        def methods_of(place)
          names = %i[instance_methods private_instance_methods].flat_map do |all|
            Guard::Reflection.call(place, all, false)
          end
          names.to_h { |name| [name, own(place, name)] }.compact
        end

        # The method that `place` itself has: modules may be prepended.
        def own(place, name)
          method = Guard::Reflection.call(place, :instance_method, name)
          method = method.super_method until method.nil? || Guard::Reflection.same?(method.owner, place)
          method
        end

        def stock?(method)
          method.source_location&.first&.end_with?(STOCK) || false
        end
      end
    end
    private_constant :Patches
  end
end
